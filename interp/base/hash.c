/*
 * SHA-256, HMAC, hexadecimal digits, base64.
 *
 * libcrypto's low-level SHA-256 although it is called deprecated: it uses the
 * processor's SHA instructions as EVP does, but setting EVP up costs a start
 * 1.4 ms.
 */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "base.h"

#include <openssl/crypto.h>
#include <openssl/sha.h>
#include <string.h>

enum { HASH_BLOCK = 64, HASH_SIZE = 32 };

void pl_sha256(uint8_t out[32], const void *bytes, size_t n)
{
	SHA256_CTX c;

	SHA256_Init(&c);
	if (n)
		SHA256_Update(&c, bytes, n);
	SHA256_Final(out, &c);
}

/* RFC 2104 */
void pl_hmac_sha256(
    uint8_t out[32], const void *key, size_t key_n, const void *bytes, size_t n)
{
	uint8_t block[HASH_BLOCK] = {0}, pad[HASH_BLOCK], inner[HASH_SIZE];
	SHA256_CTX c;

	if (key_n > HASH_BLOCK)
		pl_sha256(block, key, key_n);
	else if (key_n)
		memcpy(block, key, key_n);
	for (size_t i = 0; i < HASH_BLOCK; i++)
		pad[i] = block[i] ^ 0x36;
	SHA256_Init(&c);
	SHA256_Update(&c, pad, sizeof pad);
	if (n)
		SHA256_Update(&c, bytes, n);
	SHA256_Final(inner, &c);
	for (size_t i = 0; i < HASH_BLOCK; i++)
		pad[i] = block[i] ^ 0x5c;
	SHA256_Init(&c);
	SHA256_Update(&c, pad, sizeof pad);
	SHA256_Update(&c, inner, sizeof inner);
	SHA256_Final(out, &c);
	OPENSSL_cleanse(block, sizeof block);
	OPENSSL_cleanse(pad, sizeof pad);
	OPENSSL_cleanse(&c, sizeof c);
}

/* ---- hexadecimal digits ------------------------------------------------ */

void pl_hex(char *out, const uint8_t *bytes, size_t n)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < n; i++) {
		out[2 * i] = digits[bytes[i] >> 4];
		out[2 * i + 1] = digits[bytes[i] & 15];
	}
	out[2 * n] = '\0';
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

bool pl_unhex(uint8_t *out, const char *hex, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		int high = hex_digit(hex[2 * i]);
		int low = high < 0 ? -1 : hex_digit(hex[2 * i + 1]);
		if (low < 0)
			return false;
		out[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

/* ---- base64 ------------------------------------------------------------ */

static const char alphabet[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void pl_base64(struct pl_buf *out, const void *bytes, size_t n)
{
	const uint8_t *b = bytes;

	pl_buf_add(out, "", 0);
	for (size_t i = 0; i < n; i += 3) {
		size_t have = n - i < 3 ? n - i : 3;
		uint32_t three = (uint32_t)b[i] << 16 |
		    (have > 1 ? (uint32_t)b[i + 1] << 8 : 0) |
		    (have > 2 ? (uint32_t)b[i + 2] : 0);
		const char four[4] = {alphabet[three >> 18], alphabet[three >> 12 & 63],
		    have > 1 ? alphabet[three >> 6 & 63] : '=',
		    have > 2 ? alphabet[three & 63] : '='};
		pl_buf_add(out, four, 4);
	}
}

static int base64_digit(char c)
{
	const char *found = c ? strchr(alphabet, c) : NULL;

	return found ? (int)(found - alphabet) : -1;
}

bool pl_unbase64(struct pl_buf *out, const char *text, size_t n)
{
	size_t len = out->len;

	pl_buf_add(out, "", 0);
	if (n % 4 != 0)
		return false;
	for (size_t i = 0; i < n; i += 4) {
		bool last = i + 4 == n;
		size_t pads = !last || text[i + 3] != '=' ? 0
		    : text[i + 2] != '='                  ? 1
		                                          : 2;
		uint32_t three = 0;
		for (size_t k = 0; k < 4; k++) {
			int digit = k >= 4 - pads ? 0 : base64_digit(text[i + k]);
			if (digit < 0)
				goto refuse;
			three = three << 6 | (uint32_t)digit;
		}
		/* Bits that no byte takes must be zero: one text per data. */
		if ((pads == 1 && (three & 0xff)) || (pads == 2 && (three & 0xffff)))
			goto refuse;
		const char bytes[3] = {
		    (char)(three >> 16), (char)(three >> 8), (char)three};
		pl_buf_add(out, bytes, 3 - pads);
	}
	return true;
refuse:
	out->len = len;
	out->at[len] = '\0';
	return false;
}

const char *pl_crypto_version(void)
{
	return OPENSSL_VERSION_STR;
}
