#include "../../interp/host/lazy.h"
#include "host_case.h"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

/* The library itself, against what jwt.c makes. */
#define JUDGE_API(X) \
	X(BIO_free) \
	X(BIO_new_mem_buf) \
	X(EVP_DigestVerify) \
	X(EVP_DigestVerifyInit) \
	X(EVP_MD_CTX_free) \
	X(EVP_MD_CTX_new) \
	X(EVP_PKEY_free) \
	X(EVP_sha256) \
	X(PEM_read_bio_PUBKEY)

static struct {
	PL_LAZY_FIELDS(, JUDGE_API)
} judge;

struct token_case {
	struct host_case host;
	struct pl_buf private, public;
	EVP_PKEY *key;
};

static void open_case(struct token_case *t, const char *seed)
{
	static const char *const names[] = {PL_LAZY_NAMES(, JUDGE_API)};
	struct pl_err err;
	BIO *bio;

	memset(t, 0, sizeof *t);
	case_init(&t->host);
	if (!pl_lazy_open(PL_LIBCRYPTO, &judge, names, PL_COUNT(names), &err) ||
	    !pl_es256_key(&t->private, &t->public, seed, &err)) {
		printf("FAIL %s\n", err.msg);
		abort();
	}
	bio = judge.BIO_new_mem_buf(t->public.at, (int)t->public.len);
	t->key = judge.PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL);
	judge.BIO_free(bio);
	if (!t->key)
		abort();
}

static void close_case(struct token_case *t)
{
	judge.EVP_PKEY_free(t->key);
	pl_buf_fini(&t->private);
	pl_buf_fini(&t->public);
	case_fini(&t->host);
}

/* The token's text, or NULL with the call's error. */
static const char *sign(struct token_case *t, const char *pem, const char *args)
{
	const struct pl_row *row = case_row(pl_jwt_rows, "jwt.sign");
	struct pl_call *call = case_call(&t->host, row, args);
	struct pl_value *v = (struct pl_value *)call->args, *result;

	pl_map_set(&t->host.arena, v, "key",
	    pl_secret_value(&t->host.arena,
	        pl_secret_add(t->host.host, "appstore", pem, strlen(pem))));
	result = case_drive(&t->host, row->start);
	return result ? pl_secret_bytes(result->as.secret, NULL) : NULL;
}

/* A signature as DER by hand: another way than jwt.c's own. */
static size_t to_der(uint8_t der[80], const uint8_t raw[64])
{
	size_t n = 2;

	for (size_t half = 0; half < 2; half++) {
		const uint8_t *number = raw + 32 * half;
		size_t from = 0, at = n;

		while (from < 31 && !number[from])
			from++;
		der[n++] = 0x02;
		n++;
		if (number[from] & 0x80)
			der[n++] = 0;
		memcpy(der + n, number + from, 32 - from);
		n += 32 - from;
		der[at + 1] = (uint8_t)(n - at - 2);
	}
	der[0] = 0x30;
	der[1] = (uint8_t)(n - 2);
	return n;
}

static bool judged(
    const struct token_case *t, const uint8_t raw[64], const char *text, size_t n)
{
	uint8_t der[80];
	size_t der_n = to_der(der, raw);
	EVP_MD_CTX *ctx = judge.EVP_MD_CTX_new();
	bool good = judge.EVP_DigestVerifyInit(
	                ctx, NULL, judge.EVP_sha256(), NULL, t->key) == 1 &&
	    judge.EVP_DigestVerify(ctx, der, der_n, (const uint8_t *)text, n) == 1;

	judge.EVP_MD_CTX_free(ctx);
	return good;
}

static const char *part(struct token_case *t, const char *token, size_t which)
{
	struct pl_buf out = {0};
	const char *text;

	while (which--)
		token = strchr(token, '.') + 1;
	if (!pl_unbase64url(&out, token, strcspn(token, ".")))
		return NULL;
	text = pl_arena_text(&t->host.arena, out.at, out.len);
	pl_buf_fini(&out);
	return text;
}

static const char claims[] =
    "{\"claims\":{\"iss\":\"57246542-96fe-1a63-e053-0824d011072a\",\"iat\":1763640000,"
    "\"exp\":1763640500,\"aud\":\"appstoreconnect-v1\"},"
    "\"header\":{\"kid\":\"2X9R4HXF34\",\"typ\":\"JWT\"}}";

static void what_is_in_it(struct token_case *t)
{
	const char *token = sign(t, t->private.at, claims);

	CHECK_CASE("a token has its header, its claims and 64 bytes");
	if (!CHECK(token != NULL))
		return;
	CHECK_TEXT(part(t, token, 0),
	    "{\"alg\":\"ES256\",\"kid\":\"2X9R4HXF34\",\"typ\":\"JWT\"}");
	CHECK_TEXT(part(t, token, 1),
	    "{\"aud\":\"appstoreconnect-v1\",\"exp\":1763640500,\"iat\":1763640000,\"iss\":"
	    "\"57246542-96fe-1a63-e053-0824d011072a\"}");
	CHECK_INT(strlen(strrchr(token, '.') + 1), 86);
	CHECK(!strpbrk(token, "=+/\n"));
	CHECK_TEXT(pl_secret_name(t->host.call.result->as.secret), "jwt");
}

static void thousand(struct token_case *t)
{
	unsigned short_ones = 0, bad = 0, own = 0;
	char args[200];

	CHECK_CASE("a thousand signatures, short numbers among them, are all good");
	for (int i = 0; i < 1000 || (!short_ones && i < 9000); i++) {
		struct pl_buf raw = {0};
		struct pl_err err;
		const char *token, *end;
		bool good = false;

		snprintf(args, sizeof args, "{\"claims\":{\"n\":%d}}", i);
		token = sign(t, t->private.at, args);
		if (!CHECK(token != NULL))
			return;
		end = strrchr(token, '.');
		if (!CHECK(pl_unbase64url(&raw, end + 1, strlen(end + 1))) ||
		    !CHECK_INT(raw.len, 64))
			return;
		short_ones += !raw.at[0] || !raw.at[32];
		bad +=
		    !judged(t, (const uint8_t *)raw.at, token, (size_t)(end - token));
		own += pl_es256_verify(&good, t->public.at, token, &err) && good;
		pl_buf_fini(&raw);
	}
	CHECK_INT(bad, 0);
	CHECK(own >= 1000);
	/* One in 128 has a number that begins with a zero byte. */
	CHECK(short_ones > 0);
}

static void padding(void)
{
	static const struct {
		uint8_t der[16];
		size_t n;
		bool good;
		uint8_t r31, s30, s31;
	} cases[] = {
	    {{0x30, 6, 2, 1, 1, 2, 1, 2}, 8, true, 1, 0, 2},
	    {{0x30, 8, 2, 2, 0, 0x80, 2, 2, 1, 2}, 10, true, 0x80, 1, 2},
	    {{0x30, 6, 2, 1, 1, 2, 1, 2, 0}, 9, false, 0, 0, 0},
	    {{0x30, 6, 2, 1, 1, 2, 2, 2}, 8, false, 0, 0, 0},
	    {{0x31, 6, 2, 1, 1, 2, 1, 2}, 8, false, 0, 0, 0},
	    {{0x30}, 0, false, 0, 0, 0},
	};
	uint8_t raw[64], long_r[40] = {0x30, 38, 2, 33, 1};

	CHECK_CASE("short numbers are padded on the left, others refused");
	for (size_t i = 0; i < PL_COUNT(cases); i++) {
		bool good;

		memset(raw, 0xee, sizeof raw);
		good = pl_es256_raw(raw, cases[i].der, cases[i].n);
		CHECK_INT(good, cases[i].good);
		if (!good)
			continue;
		CHECK_INT(raw[0] | raw[30] | raw[32] | raw[61], 0);
		CHECK_INT(raw[31], cases[i].r31);
		CHECK_INT(raw[62], cases[i].s30);
		CHECK_INT(raw[63], cases[i].s31);
	}
	long_r[37] = 2;
	long_r[38] = 1;
	long_r[39] = 1;
	CHECK(!pl_es256_raw(raw, long_r, sizeof long_r));
}

static void tampered(struct token_case *t)
{
	const char *token = sign(t, t->private.at, claims);
	struct token_case other;
	struct pl_err err;
	size_t n = strlen(token), refused = 0;
	char copy[1024];
	bool good = true;

	CHECK_CASE("a token with any character changed is refused");
	/* The last of 86 digits holds two bits that say nothing. */
	for (size_t i = 0; i + 1 < n; i++) {
		snprintf(copy, sizeof copy, "%s", token);
		copy[i] = copy[i] == 'A' ? 'B' : 'A';
		refused += pl_es256_verify(&good, t->public.at, copy, &err) && !good;
	}
	CHECK_INT(refused, n - 1);
	snprintf(copy, sizeof copy, "%.*s", (int)n - 2, token);
	CHECK(pl_es256_verify(&good, t->public.at, copy, &err) && !good);
	CHECK(pl_es256_verify(&good, t->public.at, "no token", &err) && !good);
	open_case(&other, "another seed");
	CHECK(pl_es256_verify(&good, other.public.at, token, &err) && !good);
	CHECK(strcmp(other.private.at, t->private.at) != 0);
	close_case(&other);
	CHECK(!pl_es256_verify(&good, "no key", token, &err));
	CHECK_TEXT(err.code, "jwt.key");
}

/* Made by `openssl ecparam -name secp384r1 -genkey | openssl pkcs8 -topk8 -nocrypt`,
 * and `openssl pkcs8 -topk8 -v2 aes-256-cbc -passout pass:x` of a P-256 key. */
static const char p384[] =
    "-----BEGIN PRIVATE KEY-----\n"
    "MIG2AgEAMBAGByqGSM49AgEGBSuBBAAiBIGeMIGbAgEBBDCfnPJsjhQ8/TeK1fVx\n"
    "lGPi+VEPo2P1uI+qUFOkP8weZXEMVlM9ZwroQ0ccJWIl3r6hZANiAAQSWA12sLjx\n"
    "cVeylD7LbpSXZymlz3Ty+dn441H8RiR6VtyJb4C6tCQW/MfOKsN0d78GatayEHUk\n"
    "tiWyUyG7quewd19mkx1qNpVjvtUe8xyyDu3eLZrt+Rjph85hdkLWB7I=\n"
    "-----END PRIVATE KEY-----\n";
static const char encrypted[] =
    "-----BEGIN ENCRYPTED PRIVATE KEY-----\n"
    "MIHsMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAjCHnMVPsEjvwICCAAw\n"
    "DAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEEDfkCLH1dso4Y7QPUluDTkEEgZC/\n"
    "dOBmdf2PA3eaon21zo5lhxh0o9QwCUTEniwPlPAPsEwVibGH8zMTp+n27CDlqdnz\n"
    "wgPg6gvsk6HQY2qR2+S8vAWnTTHIMtdVMvp8TfAzV8GcW+1DZi26nx69i0k+muXj\n"
    "qWPeh8k8S3SjjWcd4qL+oaae4VV1UuZxZcW2tOeyiuhMoxQABcClfYTDGSU8sq0=\n"
    "-----END ENCRYPTED PRIVATE KEY-----\n";

static void refused_keys(struct token_case *t)
{
	const struct {
		const char *pem, *words;
	} cases[] = {
	    {"hunter2-hunter2", "no private key in PEM form"},
	    {t->public.at, "no private key in PEM form"},
	    {p384, "not one of the curve P-256"},
	    {encrypted, "encrypted with a password"},
	    {"-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMGByqGSM49\n"
	     "-----END PRIVATE KEY-----\n",
	        "cut, or its lines are not as they were"},
	};

	CHECK_CASE("what is no key of P-256 is refused without being shown");
	for (size_t i = 0; i < PL_COUNT(cases); i++) {
		CHECK(!sign(t, cases[i].pem, claims));
		CHECK_TEXT(t->host.call.err.code, "jwt.key");
		CHECK(strstr(t->host.call.err.msg, cases[i].words) != NULL);
		CHECK(strstr(t->host.call.err.msg, "\"appstore\"") != NULL);
		CHECK(!strstr(t->host.call.err.msg, "hunter2"));
		CHECK(!strstr(t->host.call.err.msg, "MIGH"));
	}
	CHECK(!sign(t, t->private.at, "{\"claims\":{},\"header\":{\"alg\":\"none\"}}"));
	CHECK_TEXT(t->host.call.err.code, "jwt.header");
}

static void base64url(void)
{
	static const struct {
		const char *text, *want;
	} cases[] = {{"", ""}, {"Zg", "f"}, {"Zm8", "fo"}, {"Zm9v", "foo"},
	    {"-_-_", "\xfb\xff\xbf"}, {"Z", NULL}, {"Zg==", NULL}, {"Zm+v", NULL},
	    {"Zm9v\n", NULL}, {"Zm9vZ", NULL}};

	CHECK_CASE("base64url is read without padding only");
	for (size_t i = 0; i < PL_COUNT(cases); i++) {
		struct pl_buf out = {0};
		bool good = pl_unbase64url(&out, cases[i].text, strlen(cases[i].text));

		if (CHECK_INT(good, cases[i].want != NULL) && good)
			CHECK_TEXT(out.at ? out.at : "", cases[i].want);
		pl_buf_fini(&out);
	}
}

/* For contract/jwt.py: what another program then looks at. */
static int show(struct token_case *t)
{
	const char *token = sign(t, t->private.at, claims);

	printf("%s%s%s\n", t->private.at, t->public.at, token ? token : "");
	close_case(t);
	return token == NULL;
}

int main(int argc, char **argv)
{
	struct token_case t;

	open_case(&t, argc > 2 ? argv[2] : "seed");
	if (argc > 1 && strcmp(argv[1], "--show") == 0)
		return show(&t);
	what_is_in_it(&t);
	thousand(&t);
	padding();
	tampered(&t);
	refused_keys(&t);
	base64url();
	close_case(&t);
	return check_end();
}
