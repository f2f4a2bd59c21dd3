local t = {}
while true do pcall(function () t[#t + 1] = ("x"):rep(100000000) end) end
