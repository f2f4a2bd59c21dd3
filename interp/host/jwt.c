/*
 * JSON web tokens signed with ES256 (RFC 7515, RFC 7518): what Apple's interfaces
 * take in place of a password. libcrypto is linked for its SHA-256 alone, so the
 * elliptic curves come from the shared library, opened when a token is first asked
 * for. A signature there is DER; in a token it is both numbers, 32 bytes each.
 */
#include "host_inner.h"
#include "lazy.h"

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdlib.h>
#include <string.h>

enum { HALF = 32, WHOLE = 64, POINT = 65, DER_MAX = 80 };

#define CRYPTO_API(X) \
	X(BIO_new_mem_buf) \
	X(BIO_free) \
	X(BN_bin2bn) \
	X(BN_bn2binpad) \
	X(BN_free) \
	X(ECDSA_SIG_free) \
	X(ECDSA_SIG_get0) \
	X(ECDSA_SIG_new) \
	X(ECDSA_SIG_set0) \
	X(EC_GROUP_free) \
	X(EC_GROUP_new_by_curve_name) \
	X(EC_POINT_free) \
	X(EC_POINT_mul) \
	X(EC_POINT_new) \
	X(EC_POINT_point2oct) \
	X(ERR_clear_error) \
	X(EVP_DigestSign) \
	X(EVP_DigestSignInit) \
	X(EVP_DigestVerify) \
	X(EVP_DigestVerifyInit) \
	X(EVP_MD_CTX_free) \
	X(EVP_MD_CTX_new) \
	X(EVP_PKEY_free) \
	X(EVP_PKEY_get_group_name) \
	X(EVP_sha256) \
	X(PEM_read_bio_PUBKEY) \
	X(PEM_read_bio_PrivateKey) \
	X(d2i_ECDSA_SIG) \
	X(i2d_ECDSA_SIG)

static struct {
	PL_LAZY_FIELDS(, CRYPTO_API)
} crypto;

static bool open_crypto(struct pl_err *err)
{
	static const char *const names[] = {PL_LAZY_NAMES(, CRYPTO_API)};

	return pl_lazy_open(PL_LIBCRYPTO, &crypto, names, PL_COUNT(names), err);
}

/* ---- base64url ------------------------------------------------------------ */

/* RFC 4648, section 5, without padding. */
static void add_base64url(struct pl_buf *out, const void *bytes, size_t n)
{
	size_t from = out->len;

	pl_base64(out, bytes, n);
	while (out->len > from && out->at[out->len - 1] == '=')
		out->at[--out->len] = 0;
	for (size_t i = from; i < out->len; i++)
		out->at[i] = out->at[i] == '+' ? '-'
		    : out->at[i] == '/'        ? '_'
		                               : out->at[i];
}

bool pl_unbase64url(struct pl_buf *out, const char *text, size_t n)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	                             "abcdefghijklmnopqrstuvwxyz0123456789-_";
	struct pl_buf plain = {0};
	bool ok = n % 4 != 1;

	for (size_t i = 0; i < n && ok; i++) {
		ok = text[i] && strchr(digits, text[i]);
		pl_buf_putc(&plain,
		    (char)(text[i] == '-'    ? '+'
		            : text[i] == '_' ? '/'
		                             : text[i]));
	}
	while (plain.len % 4)
		pl_buf_putc(&plain, '=');
	ok = ok && pl_unbase64(out, plain.at ? plain.at : "", plain.len);
	pl_buf_fini(&plain);
	return ok;
}

/* ---- keys ----------------------------------------------------------------- */

/* Instead of asking the terminal for the password of an encrypted key. */
static int no_password(char *out, int n, int writing, void *arg)
{
	(void)out;
	(void)n;
	(void)writing;
	(void)arg;
	return -1;
}

static bool holds(const char *text, size_t n, const char *word)
{
	size_t length = strlen(word);

	for (size_t i = 0; i + length <= n; i++)
		if (memcmp(text + i, word, length) == 0)
			return true;
	return false;
}

static bool is_p256(EVP_PKEY *key)
{
	char group[40];
	size_t n;

	return crypto.EVP_PKEY_get_group_name(key, group, sizeof group, &n) == 1 &&
	    strcmp(group, "prime256v1") == 0;
}

static EVP_PKEY *read_pem(const char *pem, size_t n, bool private)
{
	BIO *bio = n && n < 1 << 16 ? crypto.BIO_new_mem_buf(pem, (int)n) : NULL;
	EVP_PKEY *key = NULL;

	if (bio && private)
		key = crypto.PEM_read_bio_PrivateKey(bio, NULL, no_password, NULL);
	else if (bio)
		key = crypto.PEM_read_bio_PUBKEY(bio, NULL, no_password, NULL);
	crypto.BIO_free(bio);
	crypto.ERR_clear_error();
	return key;
}

/* Says what is wrong with a key without a byte of it. */
static EVP_PKEY *read_key(const struct pl_secret *secret, struct pl_err *err)
{
	const char *name = pl_secret_name(secret), *pem;
	EVP_PKEY *key;
	size_t n;

	pem = pl_secret_bytes(secret, &n);
	key = read_pem(pem, n, true);
	if (key && is_p256(key))
		return key;
	if (key)
		pl_fail(err, "jwt.key",
		    "the secret \"%s\" is a key, but not one of the curve P-256, which "
		    "ES256 needs",
		    name);
	else if (holds(pem, n, "BEGIN ENCRYPTED PRIVATE KEY") ||
	    holds(pem, n, "Proc-Type: 4,ENCRYPTED"))
		pl_fail(err, "jwt.key",
		    "the secret \"%s\" is a private key that is encrypted with a "
		    "password; it must be without one, as Apple's .p8 files are",
		    name);
	else if (holds(pem, n, "PRIVATE KEY-----"))
		pl_fail(err, "jwt.key",
		    "the secret \"%s\" looks like a private key in PEM form, but cannot be "
		    "read: cut, or its lines are not as they were (%zu bytes)",
		    name, n);
	else
		pl_fail(err, "jwt.key",
		    "the secret \"%s\" is no private key in PEM form: the text of a .p8 "
		    "file, from \"-----BEGIN PRIVATE KEY-----\" on, is wanted",
		    name);
	crypto.EVP_PKEY_free(key);
	return NULL;
}

/* ---- signatures ----------------------------------------------------------- */

bool pl_es256_raw(uint8_t raw[64], const uint8_t *der, size_t n)
{
	const uint8_t *at = der;
	const BIGNUM *r, *s;
	ECDSA_SIG *sig;
	bool ok = false;

	if (!open_crypto(NULL))
		return false;
	sig = crypto.d2i_ECDSA_SIG(NULL, &at, (long)n);
	if (sig) {
		crypto.ECDSA_SIG_get0(sig, &r, &s);
		ok = at == der + n && crypto.BN_bn2binpad(r, raw, HALF) == HALF &&
		    crypto.BN_bn2binpad(s, raw + HALF, HALF) == HALF;
	}
	crypto.ECDSA_SIG_free(sig);
	crypto.ERR_clear_error();
	return ok;
}

static bool der_of(struct pl_buf *out, const uint8_t *raw)
{
	ECDSA_SIG *sig = crypto.ECDSA_SIG_new();
	BIGNUM *r = crypto.BN_bin2bn(raw, HALF, NULL);
	BIGNUM *s = crypto.BN_bin2bn(raw + HALF, HALF, NULL);
	uint8_t der[DER_MAX], *to = der;
	int n = 0;

	if (sig && r && s && crypto.ECDSA_SIG_set0(sig, r, s)) {
		r = s = NULL; /* the signature's own now */
		n = crypto.i2d_ECDSA_SIG(sig, &to);
	}
	if (n > 0)
		pl_buf_add(out, der, (size_t)n);
	crypto.BN_free(r);
	crypto.BN_free(s);
	crypto.ECDSA_SIG_free(sig);
	return n > 0;
}

static bool sign(
    uint8_t raw[WHOLE], EVP_PKEY *key, const struct pl_buf *text, struct pl_err *err)
{
	EVP_MD_CTX *ctx = crypto.EVP_MD_CTX_new();
	uint8_t der[DER_MAX];
	size_t n = sizeof der;
	bool ok = ctx &&
	    crypto.EVP_DigestSignInit(ctx, NULL, crypto.EVP_sha256(), NULL, key) == 1 &&
	    crypto.EVP_DigestSign(ctx, der, &n, (const uint8_t *)text->at, text->len) ==
	        1 &&
	    pl_es256_raw(raw, der, n);

	crypto.EVP_MD_CTX_free(ctx);
	crypto.ERR_clear_error();
	return ok || pl_fail(err, "jwt.sign", "libcrypto could not make a signature");
}

static bool verify(EVP_PKEY *key, const uint8_t *raw, const char *text, size_t n)
{
	EVP_MD_CTX *ctx = crypto.EVP_MD_CTX_new();
	struct pl_buf der = {0};
	bool ok = ctx && der_of(&der, raw) &&
	    crypto.EVP_DigestVerifyInit(ctx, NULL, crypto.EVP_sha256(), NULL, key) ==
	        1 &&
	    crypto.EVP_DigestVerify(
	        ctx, (const uint8_t *)der.at, der.len, (const uint8_t *)text, n) == 1;

	pl_buf_fini(&der);
	crypto.EVP_MD_CTX_free(ctx);
	crypto.ERR_clear_error();
	return ok;
}

bool pl_es256_verify(
    bool *good, const char *public_pem, const char *token, struct pl_err *err)
{
	const char *end = strrchr(token, '.');
	struct pl_buf raw = {0};
	EVP_PKEY *key;

	if (!open_crypto(err))
		return false;
	key = read_pem(public_pem, strlen(public_pem), false);
	if (!key || !is_p256(key)) {
		crypto.EVP_PKEY_free(key);
		return pl_fail(
		    err, "jwt.key", "this is no public key of P-256 in PEM form");
	}
	*good = end && pl_unbase64url(&raw, end + 1, strlen(end + 1)) &&
	    raw.len == WHOLE &&
	    verify(key, (const uint8_t *)raw.at, token, (size_t)(end - token));
	pl_buf_fini(&raw);
	crypto.EVP_PKEY_free(key);
	return true;
}

/* ---- the row -------------------------------------------------------------- */

static bool add_part(
    struct pl_buf *out, const struct pl_value *v, const char *what, struct pl_err *err)
{
	struct pl_buf json = {0};
	bool ok = pl_json_canonical(&json, v, err) || pl_err_within(err, "%s", what);

	if (ok)
		add_base64url(out, json.at, json.len);
	pl_buf_fini(&json);
	return ok;
}

/* {"alg":"ES256",…}: another algorithm is not ours to name. */
static const struct pl_value *header_of(struct pl_call *call)
{
	struct pl_value *given = pl_arg(call, "header");
	struct pl_value *all = pl_map(call->arena);
	const char *algorithm = pl_get_text(given, "alg", "ES256");

	for (uint32_t i = 0; given && i < given->as.map.len; i++)
		pl_map_set(call->arena, all, given->as.map.at[i].key,
		    given->as.map.at[i].value);
	pl_map_set(call->arena, all, "alg", pl_text(call->arena, "ES256"));
	if (strcmp(algorithm, "ES256") == 0)
		return all;
	pl_fail(&call->err, "jwt.header",
	    "header.alg is \"%.40s\"; it can be ES256 only", algorithm);
	return NULL;
}

static bool make_token(struct pl_buf *token, struct pl_call *call)
{
	const struct pl_value *secret = pl_arg(call, "key"), *header = header_of(call);
	EVP_PKEY *key = NULL;
	uint8_t raw[WHOLE];
	bool ok = header && open_crypto(&call->err) &&
	    (key = read_key(secret->as.secret, &call->err)) &&
	    add_part(token, header, "header", &call->err);

	if (ok) {
		pl_buf_putc(token, '.');
		ok = add_part(token, pl_arg(call, "claims"), "claims", &call->err) &&
		    sign(raw, key, token, &call->err);
	}
	if (ok) {
		pl_buf_putc(token, '.');
		add_base64url(token, raw, sizeof raw);
	}
	if (key)
		crypto.EVP_PKEY_free(key);
	return ok;
}

static void start_sign(struct pl_call *call)
{
	struct pl_buf token = {0};
	bool ok = make_token(&token, call);
	struct pl_value *v = ok
	    ? pl_secret_value(
	          call->arena, pl_secret_add(call->host, "jwt", token.at, token.len))
	    : NULL;

	pl_wipe(token.at, token.len);
	pl_buf_fini(&token);
	if (v)
		pl_call_ok(call, v);
	else
		pl_call_fail(call);
}

static const struct pl_option sign_options[] = {
    {"key", PL_T_SECRET, true, NULL, "a private key of P-256, PKCS#8 in PEM form (.p8)",
        NULL},
    {"header", PL_T_MAP, false, "{}", "kid, typ; alg is ES256", NULL},
    {"claims", PL_T_MAP, true, NULL, "what the token says", NULL},
    {0},
};

const struct pl_row pl_jwt_rows[] = {
    {
        .name = "jwt.sign",
        .class = PL_PURE,
        .summary = "Makes a JSON web token, signed with ES256",
        .options = sign_options,
        .result = "the token, a secret",
        .start = start_sign,
    },
    {0},
};

/* ---- keys for the simulator ----------------------------------------------- */

/* Around the numbers of a key of P-256, in DER: PKCS#8 with an ECPrivateKey of
 * RFC 5915 in it, and a SubjectPublicKeyInfo. Lengths of P-256 never differ. */
static const uint8_t private_head[] = {0x30, 0x81, 0x87, 0x02, 0x01, 0x00, 0x30, 0x13,
    0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48,
    0xce, 0x3d, 0x03, 0x01, 0x07, 0x04, 0x6d, 0x30, 0x6b, 0x02, 0x01, 0x01, 0x04, 0x20};
static const uint8_t private_middle[] = {0xa1, 0x44, 0x03, 0x42, 0x00};
static const uint8_t public_head[] = {0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86,
    0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01,
    0x07, 0x03, 0x42, 0x00};

static void write_pem(struct pl_buf *out, const char *label, const struct pl_buf *der)
{
	struct pl_buf text = {0};

	pl_base64(&text, der->at, der->len);
	pl_buf_printf(out, "-----BEGIN %s-----\n", label);
	for (size_t i = 0; i < text.len; i += 64)
		pl_buf_printf(out, "%.64s\n", text.at + i);
	pl_buf_printf(out, "-----END %s-----\n", label);
	pl_buf_fini(&text);
}

static bool public_point(uint8_t point[POINT], const uint8_t scalar[HALF])
{
	EC_GROUP *group = crypto.EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
	EC_POINT *at = group ? crypto.EC_POINT_new(group) : NULL;
	BIGNUM *number = crypto.BN_bin2bn(scalar, HALF, NULL);
	bool ok = at && number &&
	    crypto.EC_POINT_mul(group, at, number, NULL, NULL, NULL) == 1 &&
	    crypto.EC_POINT_point2oct(
	        group, at, POINT_CONVERSION_UNCOMPRESSED, point, POINT, NULL) == POINT;

	crypto.BN_free(number);
	crypto.EC_POINT_free(at);
	crypto.EC_GROUP_free(group);
	return ok;
}

bool pl_es256_key(struct pl_buf *private_pem, struct pl_buf *public_pem,
    const char *seed, struct pl_err *err)
{
	uint8_t scalar[HALF], point[POINT];
	struct pl_buf der = {0};

	if (!open_crypto(err))
		return false;
	pl_sha256(scalar, seed, strlen(seed));
	scalar[0] &= 0x7f; /* below the curve's order, whatever the hash */
	if (!public_point(point, scalar))
		return pl_fail(err, "jwt.key", "libcrypto could not make a key");
	pl_buf_add(&der, private_head, sizeof private_head);
	pl_buf_add(&der, scalar, sizeof scalar);
	pl_buf_add(&der, private_middle, sizeof private_middle);
	pl_buf_add(&der, point, sizeof point);
	write_pem(private_pem, "PRIVATE KEY", &der);
	pl_buf_reset(&der);
	pl_buf_add(&der, public_head, sizeof public_head);
	pl_buf_add(&der, point, sizeof point);
	write_pem(public_pem, "PUBLIC KEY", &der);
	pl_buf_fini(&der);
	return true;
}
