/* SHA-256, HMAC, hexadecimal digits, base64. */
#include "../../interp/base/base.h"
#include "check.h"

static const char *hashed(const char *bytes, size_t n)
{
	static char hex[65];
	uint8_t hash[32];

	pl_sha256(hash, bytes, n);
	pl_hex(hex, hash, sizeof hash);
	return hex;
}

static void test_sha256(void)
{
	CHECK_CASE("sha-256");
	/* FIPS 180-4's examples. */
	CHECK_TEXT(hashed(NULL, 0),
	    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	CHECK_TEXT(hashed("abc", 3),
	    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	CHECK_TEXT(
	    hashed("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 56),
	    "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
	struct pl_buf b = {0};
	for (int i = 0; i < 1000000; i++)
		pl_buf_putc(&b, 'a');
	CHECK_TEXT(hashed(b.at, b.len),
	    "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
	pl_buf_fini(&b);
}

static const char *keyed(const char *key, size_t key_n, const char *bytes, size_t n)
{
	static char hex[65];
	uint8_t hash[32];

	pl_hmac_sha256(hash, key, key_n, bytes, n);
	pl_hex(hex, hash, sizeof hash);
	return hex;
}

static void test_hmac(void)
{
	char key[131], data[50];

	CHECK_CASE("hmac, RFC 4231");
	memset(key, 0x0b, sizeof key);
	CHECK_TEXT(keyed(key, 20, "Hi There", 8),
	    "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
	CHECK_TEXT(keyed("Jefe", 4, "what do ya want for nothing?", 28),
	    "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
	memset(key, 0xaa, sizeof key);
	memset(data, 0xdd, sizeof data);
	CHECK_TEXT(keyed(key, 20, data, 50),
	    "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe");
	CHECK_TEXT(keyed(key, 131,
	               "Test Using Larger Than Block-Size Key - Hash Key First", 54),
	    "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
	CHECK_TEXT(keyed(NULL, 0, NULL, 0),
	    "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

static void test_hex(void)
{
	uint8_t bytes[4] = {9, 9, 9, 9};
	char hex[9];

	CHECK_CASE("hexadecimal digits");
	pl_hex(hex, (const uint8_t *)"\x00\x7f\x80\xff", 4);
	CHECK_TEXT(hex, "007f80ff");
	CHECK(pl_unhex(bytes, "007f80fF", 4));
	CHECK_INT(memcmp(bytes, "\x00\x7f\x80\xff", 4), 0);
	CHECK(pl_unhex(bytes, "", 0));
	CHECK(!pl_unhex(bytes, "0g", 1));
	CHECK(!pl_unhex(bytes, "g0", 1));
	CHECK(!pl_unhex(bytes, "0", 1));
	CHECK(!pl_unhex(bytes, "", 1));
	CHECK(!pl_unhex(bytes, " 0", 1));
	pl_hex(hex, NULL, 0);
	CHECK_TEXT(hex, "");
}

static void test_base64(void)
{
	/* RFC 4648, section 10, and all bits. */
	static const struct {
		const char *plain;
		size_t n;
		const char *coded;
	} rows[] = {{"", 0, ""}, {"f", 1, "Zg=="}, {"fo", 2, "Zm8="},
	    {"foo", 3, "Zm9v"}, {"foob", 4, "Zm9vYg=="}, {"fooba", 5, "Zm9vYmE="},
	    {"foobar", 6, "Zm9vYmFy"}, {"\xff\xff\xff", 3, "////"},
	    {"\xfb\xef\xbe", 3, "++++"}, {"\0", 1, "AA=="}};
	static const char *const wrong[] = {"Z", "Zg", "Zg=", "Zg===", "=",
	    "====", "Z===", "Zh==", "Zm9=", "Zg==Zg==", "Zm8=Zm8=", "Zm9-", "Zm 9",
	    "Zm9v\n", "Zg=A", "Zm9v="};

	CHECK_CASE("base64");
	for (size_t i = 0; i < PL_COUNT(rows); i++) {
		struct pl_buf b = {0}, back = {0};
		pl_base64(&b, rows[i].plain, rows[i].n);
		CHECK_TEXT(b.at, rows[i].coded);
		CHECK(pl_unbase64(&back, b.at, b.len));
		CHECK(back.len == rows[i].n &&
		    memcmp(back.at, rows[i].plain, rows[i].n) == 0);
		pl_buf_fini(&b);
		pl_buf_fini(&back);
	}
	for (size_t i = 0; i < PL_COUNT(wrong); i++) {
		struct pl_buf b = {0};
		pl_buf_puts(&b, "x");
		if (!CHECK(!pl_unbase64(&b, wrong[i], strlen(wrong[i]))))
			printf("  %s\n", wrong[i]);
		CHECK_TEXT(b.at, "x");
		pl_buf_fini(&b);
	}
	for (unsigned seed = 0; seed < 200; seed++) {
		uint8_t bytes[64];
		struct pl_buf b = {0}, back = {0};
		for (unsigned i = 0; i < sizeof bytes; i++)
			bytes[i] = (uint8_t)(seed * 31 + i * i * 7 + (seed ^ i) * 13);
		pl_base64(&b, bytes, seed % 64);
		CHECK(pl_unbase64(&back, b.at, b.len));
		CHECK(back.len == seed % 64 && memcmp(back.at, bytes, back.len) == 0);
		pl_buf_fini(&b);
		pl_buf_fini(&back);
	}
}

int main(void)
{
	test_sha256();
	test_hmac();
	test_hex();
	test_base64();
	return check_end();
}
