return { name = "broken_fine", verbs = { go = { effect = "read", summary = "goes", act = function () return 1 end } } }
