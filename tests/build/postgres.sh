# A provider written in Lua reaches a real server through the rows: what a secret, a
# null and a failure are on the way, and that a dry-run changes nothing.
set -eu
if [ -z "${PIPE_POSTGRES-}" ]; then
	exec "$PIPE_ROOT/tests/tools/postgres.sh" run sh "$0"
fi
mkdir -p pipelines/providers
cat >pipe.yaml <<'END'
pipe: 1
project: rows
credentials:
  database: { env: PIPE_POSTGRES }
END
cat >pipelines/providers/db.lua <<'END'
local host = ...
local pg = host.rows.postgres

local function open()
  return pg.open { url = host.credential "database", lock_timeout = "2s" }.connection
end

local function run(on, text)
  local list = {}
  for _, s in ipairs(host.rows.sql.split { text = text }.statements) do
    list[#list + 1] = s.sql
  end
  return pg.batch { connection = on, statements = list }
end

return {
  name = "db",
  summary = "A database",
  errors = { ["postgres.sql"] = "the server refuses the statement" },
  verbs = {
    ask = {
      effect = "read", summary = "Asks", result = "rows", request = "SQL",
      permission = "SELECT", options = { sql = { "text", required = true } },
      act = function(o)
        local on = open()
        local got = pg.query { connection = on, sql = o.sql, params = { "x", 7, true, host.null } }
        pg.close { connection = on }
        local row = got.rows[1]
        return { text = row.t, number = row.n + 1, flag = row.f, absent = row.z == host.null }
      end,
    },
    apply = {
      effect = "write", summary = "Applies", result = "results", request = "SQL",
      permission = "CREATE", options = { sql = { "text", required = true } },
      target = function() return "schema" end,
      no_probe = "there is nothing to look at",
      predict = function(o)
        local got = pg.batch { connection = open(), statements = { o.sql }, rehearse = true }
        return { sign = "+", result = {}, note = got.locks[1].mode }
      end,
      act = function(o)
        local got = run(open(), o.sql)
        if got.failed then
          host.raise("postgres.sql", got.failed.statement .. ": " .. got.failed.message)
        end
        return { commands = #got.results }
      end,
    },
  },
}
END
cat >go.lua <<'END'
return pipeline "go" {
  version = "1.0.0",
  step "ask" { run = function ()
    local got = db.ask { sql = "select $1::text t, $2::int n, $3::bool f, $4::text z" }
    assert(got.text == "x" and got.number == 8 and got.flag == true and got.absent)
  end },
  step "apply" { run = function () db.apply { sql = "create table made (a int)" } end },
}
END
fail()
{
	echo "FAIL $1"
	cat out err
	exit 1
}
"$PIPE" run go.lua --dry-run >out 2>err || fail "the dry-run ends badly"
grep -q AccessExclusiveLock out || fail "the dry-run does not show the lock"
"$PIPE" run go.lua --yes >out 2>err || fail "the dry-run left the table, or the run ends badly"
"$PIPE" run go.lua --yes >out 2>err && fail "the table is made twice"
cat out err | grep -q 'postgres.sql' || fail "the server's error does not show"
cat out err | grep -q '0: relation "made" already exists' || fail "the server's words do not show"
password=${PIPE_POSTGRES#*//postgres:}
password=${password%%@*}
! grep -rqF "$password" .pipe out err || fail "the password shows"
PIPE_POSTGRES=postgres://postgres:wrong-word@${PIPE_POSTGRES#*@}
"$PIPE" run go.lua --yes >out 2>err && fail "a wrong password is taken"
cat out err | grep -q 'postgres.auth' || fail "a wrong password is not named as such"
! grep -rqF wrong-word .pipe out err || fail "the wrong password shows"
