/* https: a certificate is believed if an authority that we know signed it for that
 * name, and not otherwise. */
#include "git_servers.h"

int main(void)
{
	struct host_case t_, *t = &t_;
	struct servers s = {0};
	struct pl_value *settings;

	git_home();
	git_case(t, "certificates");
	sh(t,
	    "git init -q . && git commit -q --allow-empty -m one && git clone -q --bare . o.git && "
	    "for n in good bad; do openssl req -x509 -newkey rsa:2048 -nodes -days 9 -subj "
	    "/CN=localhost -addext subjectAltName=DNS:localhost -keyout $n.key -out $n.crt "
	    "2>/dev/null && cat $n.key $n.crt >$n.pem; done");
	settings = pl_map(&t->arena);
	pl_map_set(&t->arena, settings, "ca_file",
	    pl_textf(&t->arena, "%s/good.crt", t->root));
	pl_host_set_http(t->host, settings);
	start_servers(t, &s);
	CHECK(git(t, "git.ls_remote", "{\"remote\":\"https://localhost:%d/ok/o.git\"}",
	          s.good) != NULL);
	if (t->call.failed)
		CHECK_TEXT(t->call.err.msg, "");
	CHECK_FAILS(git(t, "git.ls_remote",
	                "{\"remote\":\"https://localhost:%d/ok/o.git\"}", s.bad),
	    "git.certificate", "localhost");
	CHECK_FAILS(git(t, "git.ls_remote",
	                "{\"remote\":\"https://127.0.0.1:%d/ok/o.git\"}", s.good),
	    "git.certificate", "127.0.0.1");
	CHECK(
	    git(t, "git.push",
	        "{\"remote\":\"https://localhost:%d/auth/o.git\",\"branch\":\"x\",\"commit\":\"%s\","
	        "\"token\":\"s3cret-token\"}",
	        s.good,
	        sh(t,
	            "git -C o.git config http.receivepack true; git rev-parse HEAD")) !=
	    NULL);
	stop_servers(&s);
	case_fini(t);
	git_home_fini();
	return check_end();
}
