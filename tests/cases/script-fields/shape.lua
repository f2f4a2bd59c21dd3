local a = step { run = function () end }
return { a }
