return { name = 5 .. '' }
