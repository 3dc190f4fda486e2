#include "common/digest.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

// The example of FIPS 180-2, appendix B.1, and the digest of no bytes.
static const char ABC[]   = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
static const char EMPTY[] = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

static void
expect(const kt_digest_t *digest, const char *hex)
{
    char out[KT_DIGEST_HEX];
    cr_assert_str_eq(kt_digest_hex(digest, out), hex);
}

static int
file_of(const void *bytes, size_t length)
{
    int fd = memfd_create("digest", MFD_CLOEXEC);
    cr_assert_geq(fd, 0);
    cr_assert_eq(write(fd, bytes, length), (ssize_t)length);
    return fd;
}

Test(digest, known_digests_come_out)
{
    kt_digest_t digest;
    kt_digest_of("abc", 3, &digest);
    expect(&digest, ABC);
    kt_digest_of("", 0, &digest);
    expect(&digest, EMPTY);
}

// Of the digests of the first 0 to 300 bytes, one after the other; by Python's hashlib.
static const char OF_ALL_LENGTHS[] = "fbfd5f6273297554166082464d08d7f995462c24a951a1bb04cb70a31c8df1da";

Test(digest, any_length_has_its_digest)
{
    static uint8_t all[301][KT_DIGEST_BYTES];
    uint8_t        bytes[300];
    kt_digest_t    digest;
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * i + 7 * i);
    for (size_t n = 0; n <= sizeof bytes; n++) {
        kt_digest_of(bytes, n, &digest);
        memcpy(all[n], digest.bytes, KT_DIGEST_BYTES);
    }
    kt_digest_of(all, sizeof all, &digest);
    expect(&digest, OF_ALL_LENGTHS);
}

Test(digest, a_file_of_several_blocks_has_the_digest_of_its_bytes)
{
    size_t      length = 3 * (256 << 10) + 17;
    char       *bytes  = malloc(length);
    kt_digest_t of_bytes, of_file;
    for (size_t i = 0; i < length; i++)
        bytes[i] = (char)(i * 31);
    int fd = file_of(bytes, length);
    kt_digest_of(bytes, length, &of_bytes);
    cr_assert_eq(kt_digest_of_fd(fd, &of_file), KT_OK);
    cr_assert_eq(memcmp(&of_bytes, &of_file, sizeof of_file), 0);
    close(fd);
    free(bytes);
}

Test(digest, the_files_position_neither_matters_nor_moves)
{
    kt_digest_t digest;
    int         fd = file_of("abc", 3);
    cr_assert_eq(lseek(fd, 1, SEEK_SET), 1);
    cr_assert_eq(kt_digest_of_fd(fd, &digest), KT_OK);
    expect(&digest, ABC);
    cr_assert_eq(lseek(fd, 0, SEEK_CUR), 1);
    close(fd);
}

Test(digest, what_cannot_be_read_leaves_the_digest_alone)
{
    kt_digest_t digest = {{1, 2, 3}};
    int         pipes[2];
    cr_assert_eq(pipe(pipes), 0);
    cr_assert_eq(kt_digest_of_fd(pipes[0], &digest), KT_EIO);
    cr_assert_eq(kt_digest_of_fd(-1, &digest), KT_EIO);
    cr_assert_eq(digest.bytes[2], 3);
}

Test(digest, a_named_uuid_is_the_digest_with_version_and_variant)
{
    kt_digest_t digest;
    char        out[KT_UUID_TEXT];
    kt_digest_of("abc", 3, &digest);
    cr_assert_str_eq(kt_digest_uuid(&digest, out), "ba7816bf-8f01-8fea-8141-40de5dae2223");
    memset(&digest, 0xFF, sizeof digest);
    cr_assert_str_eq(kt_digest_uuid(&digest, out), "ffffffff-ffff-8fff-bfff-ffffffffffff");
}

Test(digest, random_uuids_are_of_version_4_and_differ)
{
    char a[KT_UUID_TEXT], b[KT_UUID_TEXT];
    kt_uuid_random(a);
    kt_uuid_random(b);
    cr_assert_str_neq(a, b);
    cr_assert_eq(strlen(a), 36);
    cr_assert_eq(a[14], '4');
    cr_assert(strchr("89ab", a[19]));
}

// The vectors of RFC 4231 and RFC 5869, as far as they fit the bounds.

Test(hmac, gives_the_digests_of_rfc_4231)
{
    kt_digest_t digest;
    char        key[20], data[50];
    memset(key, 0x0b, sizeof key);
    kt_hmac(key, sizeof key, "Hi There", 8, &digest);
    expect(&digest, "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
    kt_hmac("Jefe", 4, "what do ya want for nothing?", 28, &digest);
    expect(&digest, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    memset(key, 0xaa, sizeof key);
    memset(data, 0xdd, sizeof data);
    kt_hmac(key, sizeof key, data, sizeof data, &digest);
    expect(&digest, "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe");
}

Test(hmac, one_key_serves_several_messages)
{
    kt_digest_t   digest;
    kt_hmac_key_t prepared;
    char          key[25], data[50];
    for (size_t i = 0; i < sizeof key; i++)
        key[i] = (char)(i + 1);
    memset(data, 0xcd, sizeof data);
    kt_hmac_key_init(&prepared, key, sizeof key);
    for (int repeated = 0; repeated < 2; repeated++) {
        kt_hmac_of(&prepared, data, sizeof data, &digest);
        expect(&digest, "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b");
        kt_hmac_of(&prepared, NULL, 0, &digest);
        expect(&digest, "1b5713e10977da96a5fe201005976a240544079c2724f6a9eaeae42b9de00f28");
    }
}

Test(hmac, derives_the_keys_of_rfc_5869)
{
    kt_digest_t derived;
    char        secret[22], salt[13], info[10];
    memset(secret, 0x0b, sizeof secret);
    for (size_t i = 0; i < sizeof salt; i++)
        salt[i] = (char)i;
    for (size_t i = 0; i < sizeof info; i++)
        info[i] = (char)(0xf0 + i);
    kt_hkdf(secret, sizeof secret, salt, sizeof salt, info, sizeof info, &derived);
    expect(&derived, "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf");
    kt_hkdf(secret, sizeof secret, NULL, 0, NULL, 0, &derived);
    expect(&derived, "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d");
}

static kt_err_t
two_turns(void *context)
{
    return ++*(int *)context == 2 ? KT_ECANCELLED : KT_OK;
}

Test(digest, of_a_long_file_is_taken_in_turns_and_can_be_cancelled)
{
    enum { LONG = 8 << 20 };
    int         turns = 0, fd = memfd_create("digest", 0);
    kt_digest_t digest;
    cr_assert_eq(ftruncate(fd, LONG), 0);
    cr_assert_eq(kt_digest_of_fd_in_turns(fd, two_turns, &turns, &digest), KT_ECANCELLED);
    cr_assert_eq(turns, 2);
    cr_assert_eq(kt_digest_of_fd_in_turns(fd, two_turns, &turns, &digest), KT_OK);
    cr_assert_gt(turns, 3);
    close(fd);
}
