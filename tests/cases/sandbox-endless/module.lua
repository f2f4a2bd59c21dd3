local m = require "forever"
return m
