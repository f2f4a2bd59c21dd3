return require "cycle-a"
