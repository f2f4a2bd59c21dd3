-- The patterns of GitHub's workflow filters: the examples of its documentation, and the edges.
-- Loaded with (sim, tools); returns name -> function.

local _, tools = ...
local globs = tools.load("stdlib/providers/shared/globs.lua")

-- pattern, names that fit, names that do not
local TABLE = {
  -- Branches and tags, as documented.
  { "feature/*", { "feature/my-branch", "feature/your-branch", "feature/" },
    { "feature/beta-a/my-branch", "feature", "features/x" } },
  { "feature/**", { "feature/beta-a/my-branch", "feature/your-branch",
    "feature/mona/the/octocat" }, { "feature", "my/feature/x" } },
  { "main", { "main" }, { "Main", "main2", "x/main" } },
  { "releases/mona-the-octocat", { "releases/mona-the-octocat" }, { "releases/mona" } },
  { "*", { "main", "releases", "" }, { "all/the/branches" } },
  { "**", { "all/the/branches", "every/tag", "x", "" }, {} },
  { "*feature", { "mona-feature", "feature", "ver-10-feature" }, { "a/feature", "feature2" } },
  { "v2*", { "v2", "v2.0", "v2.9" }, { "v1", "xv2", "v2/a" } },
  { "v[12].[0-9]+.[0-9]+", { "v1.10.1", "v2.0.0", "v2.29.999" },
    { "v3.0.0", "v1.0", "v1..1", "v1.a.0", "v12.0.0", "v1x0.0" } },
  -- Paths, as documented.
  { "*", { "README.md", "server.rb" }, { "docs/a.md" } },
  { "*.jsx?", { "page.js", "page.jsx" }, { "page.jsxx", "a/page.js", "page.j" } },
  { "**", { "all/the/files.md" }, {} },
  { "*.js", { "app.js", "index.js" }, { "js/index.js" } },
  { "**.js", { "index.js", "js/index.js", "src/js/app.js" }, { "index.jsx" } },
  { "docs/*", { "docs/README.md", "docs/file.txt" }, { "docs/a/b.md", "docs" } },
  { "docs/**", { "docs/README.md", "docs/mona/octocat.txt" }, { "docs", "my/docs/a" } },
  { "docs/**/*.md", { "docs/README.md", "docs/mona/hello-world.md", "docs/a/markdown/file.md" },
    { "docs/a.txt", "docs.md" } },
  { "**/docs/**", { "docs/hello.md", "dir/docs/my-file.txt", "space/docs/plan/space.doc" },
    { "mydocs/a", "docs" } },
  { "**/README.md", { "README.md", "js/README.md", "a/b/README.md" }, { "MYREADME.md" } },
  { "**/*src/**", { "a/src/app.js", "my-src/code/js/app.js" }, { "src2/app.js", "a/src" } },
  { "**/*-post.md", { "my-post.md", "path/their-post.md" }, { "post.md", "my-post.mdx" } },
  { "**/migrate-*.sql", { "migrate-10909.sql", "db/migrate-v1.0.sql", "db/sept/migrate-v1.sql" },
    { "db/migrate.sql", "migrate-a/b.sql" } },
  { "**/*.md", { "hello.md", "README.md", "docs/a.md" }, { "a.mdx" } },
  -- Characters.
  { "[CB]at", { "Cat", "Bat" }, { "cat", "at", "CBat" } },
  { "[1-2]00", { "100", "200" }, { "300", "1-00" } },
  { "[0-9a-z]", { "5", "q" }, { "Q", "-", "" } },
  { "[0-9a-z]+", { "5", "q7z" }, { "", "q-7" } },
  { "a[bc]?d", { "ad", "abd", "acd" }, { "abcd", "aad" } },
  { "ab?", { "a", "ab" }, { "abb", "b" } },
  { "ab+", { "ab", "abbb" }, { "a", "abab" } },
  { "v1.0", { "v1.0" }, { "v1x0" } },
  { "\\*x", { "*x" }, { "ax", "x" } },
  { "a\\[1\\]", { "a[1]" }, { "a1" } },
  { "\\!important", { "!important" }, { "important" } },
  { "a(b)%d.^$", { "a(b)%d.^$" }, { "ab%d.^$" } },
  { "a/**/b", { "a/b", "a/x/b", "a/x/y/b" }, { "ab", "a/xb" } },
  { "a**b", { "ab", "a/b", "axx/yb" }, { "a" } },
  { "**a+", { "a", "x/aaa" }, { "" } },
}

local WRONG = { { "", "empty" }, { "?x", "nothing before" }, { "+x", "nothing before" },
  { "a[bc", "not closed" }, { "a\\", "nothing behind" }, { "[a-Z]", "range" }, { "[9-0]", "range" },
  { "[!-~]", "range" } }

local function equal(got, want)
  if got ~= want then
    error(("got %s, want %s"):format(tostring(got), tostring(want)), 2)
  end
end

local cases = {}

function cases.the_patterns_of_githubs_documentation()
  for _, row in ipairs(TABLE) do
    for _, name in ipairs(row[2]) do
      assert(globs.fits(row[1], name) == true, ("%s does not fit %q"):format(row[1], name))
    end
    for _, name in ipairs(row[3]) do
      assert(globs.fits(row[1], name) == false, ("%s fits %q"):format(row[1], name))
    end
  end
end

function cases.what_is_no_pattern_is_told()
  for _, row in ipairs(WRONG) do
    local fits, why = globs.fits(row[1], "x")
    equal(fits, nil)
    assert(why:find(row[2], 1, true), row[1] .. ": " .. why)
  end
  assert(globs.wrong({ "a", "b[" }, true):find("'b['", 1, true))
  equal(globs.wrong({ "a", "!b" }, true), nil)
  assert(globs.wrong({ "!b" }, true):find("nothing can match", 1, true))
  equal(globs.wrong({ "!b" }, false), nil)
end

function cases.the_last_pattern_that_fits_decides()
  local function takes(patterns, name)
    return globs.choose(patterns, name) ~= nil
  end
  local releases = { "releases/**", "!releases/**-alpha" }
  equal(takes(releases, "releases/10"), true)
  equal(takes(releases, "releases/beta/mona"), true)
  equal(takes(releases, "releases/10-alpha"), false)
  equal(takes(releases, "releases/beta/3-alpha"), false)
  equal(takes({ "!releases/**-alpha", "releases/**" }, "releases/10-alpha"), true)
  local paths = { "*.md", "!README.md", "README*" }
  equal(takes(paths, "hello.md"), true)
  equal(takes(paths, "README.md"), true)
  equal(takes(paths, "README.doc"), true)
  equal(takes({ "*.md", "!README.md" }, "README.md"), false)
  local pattern, against = globs.choose({ "sub-project/**", "!sub-project/docs/**" },
    "sub-project/docs/a.md")
  equal(pattern, nil)
  equal(against, "!sub-project/docs/**")
end

function cases.a_long_name_does_not_take_for_ever()
  equal(globs.fits("**a**a**a**a**a**a**a**a**a**b", ("a"):rep(4000)), false)
  equal(globs.fits("**a**a**a**a**a**a**a**a**a**b", ("a"):rep(4000) .. "b"), true)
end

return cases
