-- Names are looked for in functions that are never called, however deep.
local function outer()
  return function ()
    return function () return undefnd end
  end
end
local function fields(x) return x.os, x.print end
return pipeline "undefined" { version = "1.0.0", step "a" { run = function () return outer, fields, githb end } }
