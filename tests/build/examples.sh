# Every example and every pipeline that is shipped is named by a case or by a page
# of the manual that is run: none can rot unseen.
cd "$PIPE_ROOT" || exit 1
bad=0
for file in examples/*.lua examples/*/*.lua pipelines/*.lua; do
	[ -f "$file" ] || continue
	grep -rqF "$file" tests/cases README.md ARCHITECTURE.md docs 2>/dev/null && continue
	echo "FAIL $file is run by no case and no page"
	bad=1
done
exit $bad
