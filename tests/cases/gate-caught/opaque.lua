return pipeline "p2" { version = "1.0.0", step "s" { run=function() local ok=pcall(proc.run,{shell="touch r.txt"}); if ok then fs.write{path="extra.txt",content="x"} end end } }
