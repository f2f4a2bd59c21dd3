return { name = "broken_syntax" verbs = {} }
