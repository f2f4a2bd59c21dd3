return require "cycle-b"
