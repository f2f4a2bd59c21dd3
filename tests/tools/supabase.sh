# For the cases of migrations: . "$PIPE_ROOT/tests/tools/supabase.sh"
# shellcheck shell=sh
cp "$PIPE_ROOT/pipe.yaml" .
state=$PWD/state
cat >push.lua <<'END'
return pipeline "push" {
  version = "1.0.0",
  params = { env = choice { "staging", "production", default = "production" },
    commit = text { default = "main" }, all = flag {}, rehearse = flag {}, edited = flag {} },
  step "push" {
    run = function (r)
      local done = supabase.push { environment = r.params.env, commit = r.params.commit,
        include_all = r.params.all, rehearse = r.params.rehearse,
        allow_unsafe = r.params.edited and { "edited" } or {} }
      for _, file in ipairs(done.applied) do
        log.info(("applied %s: %d"):format(file.file, file.statements))
      end
      local left = supabase.pending { environment = r.params.env, commit = r.params.commit }
      log.info(("pending: %d, applied: %d, up to date: %s"):format(#left.pending, #left.applied,
        tostring(left.up_to_date)))
    end,
  },
}
END

# outcome WORLD [ARGUMENT…]: a push in that world; "" is the built-in one.
outcome()
{
	world=$1
	shift
	"$PIPE_ROOT/tests/tools/outcome" run "${script:-push.lua}" --sim="$world" --state="$state" --yes "$@"
}

# What the world's database saw.
ledger()
{
	"$PIPE" sim ledger --world="$world" --state="$state" |
	    sed -e 's/^ *[0-9][0-9]*  [^ ]*  *//' -e 's/^/ledger: /'
}
