local function inner(x)
  return x.y.z
end
return { broken = function (x) local v = inner(x) return v end }
