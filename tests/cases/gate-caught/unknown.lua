return pipeline "p1" { version = "1.0.0", step "s" { run=function() pcall(proc.run,{shell="echo x >> a.txt; kill -9 $$",predict={result={}}}) fs.write{path="after.txt",content="y"} end } }
