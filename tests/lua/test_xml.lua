-- The reader of XML: what it takes, and with which words it refuses the rest.
local xml = assert(loadfile((os.getenv "PIPE_ROOT" or ".")
  .. "/stdlib/providers/shared/xml.lua"))({})

local function show(e)
  local parts = {}
  for name, value in pairs(e.attributes) do
    parts[#parts + 1] = (" %s=%s"):format(name, value)
  end
  table.sort(parts)
  local inner = e.text
  for _, child in ipairs(e.children) do
    inner = inner .. show(child)
  end
  return ("(%s%s %s)"):format(e.name, table.concat(parts), inner)
end

local cases = {
  { "<a/>", "(a )" },
  { "\239\187\191<?xml version='1.0'?>\n<!-- x --><a b='1' c=\"2\"/>\n<!-- y -->", "(a b=1 c=2 )" },
  { "<a>x<b>y</b>z</a>", "(a xz(b y))" },
  { "<a>&lt;&gt;&amp;&quot;&apos;&#65;&#x42;&#x1F680;</a>", "(a <>&\"'AB🚀)" },
  { "<a><![CDATA[<b>&amp;]]></a>", "(a <b>&amp;)" },
  { "<a b='&#10;&amp;'></a >", "(a b=\n& )" },
  { "<a><?x y?><!-- </a> --></a>", "(a )" },
  { "<ns:a-b.c _d='1'/>", "(ns:a-b.c _d=1 )" },
  { "", "line 1: an element is expected" },
  { "text", "line 1: an element is expected" },
  { "<a>", "line 1: the text ends within an element" },
  { "<a>\n<b></a>", "line 2: \"</b>\" is expected" },
  { "<a></a><b/>", "line 1: something stands behind the root element" },
  { "<a b='1' b='2'/>", "line 1: the attribute \"b\" stands there twice" },
  { "<a b='<'/>", "line 1: the attribute \"b\" holds a \"<\"" },
  { "<a b=1/>", "line 1: the tag of \"a\" has no end" },
  { "<a b='1/>", "line 1: the attribute \"b\" has no end" },
  { "<a>&nbsp;</a>", "line 1: the entity \"&nbsp;\" is not known" },
  { "<a>R&D</a>", "line 1: a \"&\" that begins no entity" },
  { "<a>&#0;</a>", "line 1: there is no such character: &#0;" },
  { "<a>&#xD800;</a>", "line 1: there is no such character: &#D800;" },
  { "<a>&#x110000;</a>", "line 1: there is no such character: &#110000;" },
  { "<!DOCTYPE a [<!ENTITY x 'y'>]><a>&x;</a>", "line 1: document types are not read" },
  { "<a><!DOCTYPE b></a>", "line 1: document types are not read" },
  { "<a><![CDATA[x</a>", "line 1: character data has no end" },
  { "<a><!-- x</a>", "line 1: a comment has no end" },
  { "<a>\255</a>", "line 1: it is not UTF-8" },
  { ("<a>"):rep(65) .. ("</a>"):rep(65), "line 1: deeper than 64 elements" },
  { "<a>" .. ("<b/>"):rep(100000) .. "</a>", "line 1: more than 100000 elements" },
  { ("x"):rep(8 * 1024 * 1024 + 1), "line 1: more than 8388608 bytes" },
}

local failed = 0
for _, case in ipairs(cases) do
  local root, why = xml.parse(case[1])
  local got = root and show(root) or why
  if got ~= case[2] then
    failed = failed + 1
    print(("FAIL %s\n  got  %s\n  want %s"):format(case[1]:sub(1, 80), got, case[2]))
  end
end

-- Cut anywhere, a document is refused, and never an error of Lua's.
local whole = "<?xml version='1.0'?><a b='&amp;'><!-- c --><d>&#65;<![CDATA[e]]></d></a>"
for i = 0, #whole - 1 do
  local ok, root = pcall(xml.parse, whole:sub(1, i))
  if not ok or root then
    failed = failed + 1
    print(("FAIL cut after %d: %s"):format(i, tostring(root)))
  end
end
print(failed == 0 and "ok" or failed .. " failed")
os.exit(failed == 0)
