return { name = "team " .. require "lib.other".name }
