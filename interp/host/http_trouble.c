#include "http.h"

#include <curl/curl.h>
#include <string.h>

/* libcurl's codes -> ours. What is not here is http.protocol. */
static const struct {
	CURLcode is;
	const char *code;
	bool retryable;
} troubles[] = {
    {CURLE_COULDNT_RESOLVE_HOST, "http.resolve", true},
    {CURLE_COULDNT_RESOLVE_PROXY, "http.resolve", true},
    {CURLE_COULDNT_CONNECT, "http.connect", true},
    {CURLE_PROXY, "http.connect", true},
    {CURLE_INTERFACE_FAILED, "http.connect", false},
    {CURLE_SSL_CONNECT_ERROR, "http.tls", false},
    {CURLE_PEER_FAILED_VERIFICATION, "http.tls", false},
    {CURLE_SSL_CERTPROBLEM, "http.tls", false},
    {CURLE_SSL_CIPHER, "http.tls", false},
    {CURLE_SSL_CACERT_BADFILE, "http.tls", false},
    {CURLE_SSL_ISSUER_ERROR, "http.tls", false},
    {CURLE_SSL_CRL_BADFILE, "http.tls", false},
    {CURLE_SSL_INVALIDCERTSTATUS, "http.tls", false},
    {CURLE_SSL_ENGINE_INITFAILED, "http.tls", false},
    {CURLE_USE_SSL_FAILED, "http.tls", false},
    {CURLE_OPERATION_TIMEDOUT, "http.timeout", true},
    {CURLE_GOT_NOTHING, "http.reset", true},
    {CURLE_SEND_ERROR, "http.reset", true},
    {CURLE_RECV_ERROR, "http.reset", true},
    {CURLE_PARTIAL_FILE, "http.reset", true},
    {CURLE_HTTP2, "http.reset", true},
    {CURLE_HTTP2_STREAM, "http.reset", true},
    {CURLE_OUT_OF_MEMORY, "http.large", false}, /* a header line over 100 KB */
    {CURLE_FILESIZE_EXCEEDED, "http.large", false},
    {CURLE_URL_MALFORMAT, "http.url", false},
};

static void describe_timeout(struct pl_buf *out, const struct pl_exchange *x)
{
	int64_t connect = x->request->connect_timeout;

	if (!x->sent) {
		pl_buf_puts(out, "no connection within ");
		pl_duration_write(out, connect < x->timeout ? connect : x->timeout);
		return;
	}
	if (x->status == 0)
		pl_buf_puts(out, "no answer within ");
	else
		pl_buf_printf(out, "the answer was not whole (%zu bytes) within ",
		    x->content.len);
	pl_duration_write(out, x->timeout);
}

static void quote(struct pl_buf *out, const struct pl_exchange *x, const char *said)
{
	struct pl_buf masked = {0};

	pl_secret_mask(x->host, &masked, said, strlen(said));
	pl_printable(out, masked.at ? masked.at : "", masked.len, false);
	pl_buf_fini(&masked);
}

static void describe_break(struct pl_buf *out, const struct pl_exchange *x)
{
	if (x->status == 0)
		pl_buf_puts(out, "the server closed the connection without an answer");
	else
		pl_buf_printf(
		    out, "the answer was cut off after %zu bytes", x->content.len);
}

static void describe(
    struct pl_buf *out, const struct pl_exchange *x, CURLcode code, const char *said)
{
	switch (code) {
	case CURLE_OPERATION_TIMEDOUT:
		describe_timeout(out, x);
		break;
	case CURLE_GOT_NOTHING:
	case CURLE_PARTIAL_FILE:
		describe_break(out, x);
		break;
	case CURLE_OUT_OF_MEMORY:
		pl_buf_puts(out, "a line of the answer's header is too long");
		break;
	default:
		quote(out, x, said);
	}
}

/* Without libcurl's word for it: whether the code allows that it was sent. */
static bool may_be_sent(const char *code)
{
	return strcmp(code, "http.resolve") != 0 && strcmp(code, "http.connect") != 0 &&
	    strcmp(code, "http.tls") != 0 && strcmp(code, "http.url") != 0;
}

void pl_http_trouble(struct pl_exchange *x, int code, const char *said, bool knows_sent,
    const char *trust)
{
	const char *name = "http.protocol";
	bool retryable = false;
	struct pl_buf text = {0};

	for (size_t i = 0; i < PL_COUNT(troubles); i++) {
		if ((int)troubles[i].is != code)
			continue;
		name = troubles[i].code;
		retryable = troubles[i].retryable;
	}
	/* Broken chunks come under the code of a broken connection. */
	if (code == CURLE_RECV_ERROR && strstr(said, "chunked-encoding")) {
		name = "http.protocol";
		retryable = false;
	}
	if (!knows_sent && may_be_sent(name))
		x->sent = true;
	describe(&text, x, (CURLcode)code, said);
	if (strcmp(name, "http.tls") == 0)
		pl_buf_printf(&text, "; trusted is %.200s",
		    trust ? trust : "libcurl's own list of authorities");
	pl_fail(&x->err, name, "%.900s", text.at ? text.at : "");
	x->err.retryable = retryable;
	pl_buf_fini(&text);
}
