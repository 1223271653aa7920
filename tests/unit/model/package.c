/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "model/package.h"

#include <openssl/evp.h>

#include "tests/unit/model/packed.h"

#define CSDEF DEFINITION(WORKER(""))

static char *digest_of(const void *data, size_t length)
{
        uint8_t bytes[32];
        char *hex = malloc(65);

        assert_int_equal(EVP_Digest(data, length, bytes, NULL, EVP_sha256(), NULL), 1);
        str_hex(bytes, sizeof(bytes), hex);
        return hex;
}

static char *manifest_of(const char *csdef, const char *payload)
{
        _cleanup_free_ char *a = digest_of(csdef, strlen(csdef)),
                            *b = digest_of(payload, strlen(payload));

        return str_printf("{\"format\":1,\"service\":\"shop\",\"members\":["
                          "{\"name\":\"ServiceDefinition.csdef\",\"size\":%zu,\"sha256\":\"%s\"},"
                          "{\"name\":\"roles/"
                          "work.erofs\",\"role\":\"work\",\"size\":%zu,\"sha256\":\"%s\"}]}",
                          strlen(csdef), a, strlen(payload), b);
}

static int good_package(void)
{
        _cleanup_free_ char *manifest = manifest_of(CSDEF, "payload");
        const Part parts[] = {{PACKAGE_MANIFEST, manifest, strlen(manifest)},
                              {PACKAGE_DEFINITION, CSDEF, strlen(CSDEF)},
                              {"roles/work.erofs", "payload", 7}};

        return parts_write(parts, 3);
}

static void a_package_is_opened_and_extracted(void **state)
{
        int fd = good_package(), out = memfd_create("out", MFD_CLOEXEC);
        _cleanup_free_ char *whole = NULL, *digest = NULL;
        Package *package = NULL;
        PackageError error;
        char bytes[8] = "";
        Checked checked = check_texts(CSDEF, NULL),
                other = check_texts(DEFINITION("<WorkerRole name='x'>" RUNTIME "</WorkerRole>"),
                                    NULL);
        size_t length;

        assert_int_equal(package_open(fd, &package, &error), 0);
        assert_string_equal(package_definition(package, &length), CSDEF);
        assert_non_null(package_payload(package, "work"));
        assert_null(package_payload(package, "Work"));
        assert_int_equal(package_extract(package, "work", out, &error), 0);
        assert_int_equal(pread(out, bytes, 8, 0), 7);
        assert_string_equal(bytes, "payload");
        assert_int_equal(package_extract(package, "none", out, &error), -ENOENT);
        lseek(fd, 0, SEEK_SET);
        assert_int_equal(file_read_fd(fd, MIB, &whole, &length), 0);
        digest = digest_of(whole, length);
        assert_string_equal(package_digest(package), digest);
        assert_false(package_signed(package));
        assert_int_equal(package_verify(package, "/dev/null", &error), PACKAGE_REFUSED);
        assert_int_equal(error.fault, PACKAGE_BAD_SIGNATURE);
        assert_int_equal(package_check_roles(package, checked.model, &error), 0);
        assert_int_equal(package_check_roles(package, other.model, &error), PACKAGE_REFUSED);
        assert_int_equal(error.fault, PACKAGE_BAD_DEFINITION);
        checked_deinit(&checked);
        checked_deinit(&other);
        package_close(package);
        fd_close(out);
        fd_close(fd);
}

static void every_flipped_bit_is_noticed(void **state)
{
        int fd = good_package();
        off_t size = lseek(fd, 0, SEEK_END);

        for (off_t i = 0; i < size; i++) {
                Package *package = NULL;
                PackageError error;
                uint8_t byte, flipped;

                assert_int_equal(pread(fd, &byte, 1, i), 1);
                flipped = (uint8_t) (byte ^ 1 << (i % 8));
                assert_int_equal(pwrite(fd, &flipped, 1, i), 1);
                assert_int_equal(package_open(fd, &package, &error), PACKAGE_REFUSED);
                assert_true(error.fault != PACKAGE_OK && error.message[0]);
                assert_int_equal(pwrite(fd, &byte, 1, i), 1);
        }
        fd_close(fd);
}

static void every_length_but_the_right_one_is_refused(void **state)
{
        int fd = good_package();
        off_t size = lseek(fd, 0, SEEK_END);

        while (size-- > 0) {
                Package *package = NULL;
                PackageError error;

                assert_int_equal(ftruncate(fd, size), 0);
                assert_int_equal(package_open(fd, &package, &error), PACKAGE_REFUSED);
                assert_true(error.fault == PACKAGE_TRUNCATED ||
                            error.fault == PACKAGE_NOT_A_PACKAGE);
        }
        fd_close(fd);
}

static void members_and_manifest_must_agree(void **state)
{
        _cleanup_free_ char *manifest = manifest_of(CSDEF, "payload");
        const Part m = {PACKAGE_MANIFEST, manifest, strlen(manifest)},
                   d = {PACKAGE_DEFINITION, CSDEF, strlen(CSDEF)};
        const Part p = {"roles/work.erofs", "payload", 7},
                   other = {"roles/work.erofs", "Payload", 7};
        const Part longer = {"roles/work.erofs", "payloads", 8},
                   extra = {"roles/more.erofs", "x", 1};
        const struct {
                Part parts[4];
                size_t n;
                PackageFault fault;
                const char *words;
        } cases[] = {
                {{m, d}, 2, PACKAGE_MISSING_MEMBER, "roles/work.erofs is missing"},
                {{m, p}, 2, PACKAGE_MISSING_MEMBER, "ServiceDefinition.csdef is missing"},
                {{d, p}, 2, PACKAGE_MISSING_MEMBER, "manifest.json is missing"},
                {{m, d, other}, 3, PACKAGE_CORRUPT, "digest"},
                {{m, d, longer}, 3, PACKAGE_CORRUPT, "manifest says 7"},
                {{m, d, p, extra}, 4, PACKAGE_UNKNOWN_MEMBER, "roles/more.erofs"},
                {{m, p, d}, 3, PACKAGE_CORRUPT, "place"},
                {{d, m, p}, 3, PACKAGE_CORRUPT, "place"},
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                int fd = parts_write(cases[i].parts, cases[i].n);

                assert_package_refused(fd, cases[i].fault, cases[i].words);
                fd_close(fd);
        }
}

static void big_members_are_not_held(void **state)
{
        _cleanup_free_ char *big = malloc(PACKAGE_MANIFEST_BYTES_MAX + 1);
        const Part parts[] = {{PACKAGE_MANIFEST, big, PACKAGE_MANIFEST_BYTES_MAX + 1}};
        int fd;

        memset(big, ' ', PACKAGE_MANIFEST_BYTES_MAX + 1);
        fd = parts_write(parts, 1);
        assert_package_refused(fd, PACKAGE_TOO_BIG, "at most 65536");
        fd_close(fd);
}

static void a_file_changed_after_the_check_is_noticed(void **state)
{
        int fd = good_package(), out = memfd_create("out", MFD_CLOEXEC);
        Package *package = NULL;
        PackageError error;
        char *whole, *at;
        size_t length;

        assert_int_equal(package_open(fd, &package, &error), 0);
        lseek(fd, 0, SEEK_SET);
        assert_int_equal(file_read_fd(fd, MIB, &whole, &length), 0);
        at = memmem(whole, length, "payload", 7);
        assert_non_null(at);
        assert_int_equal(pwrite(fd, "P", 1, at - whole), 1);
        assert_int_equal(package_extract(package, "work", out, &error), PACKAGE_REFUSED);
        assert_int_equal(error.fault, PACKAGE_CORRUPT);
        free(whole);
        package_close(package);
        fd_close(out);
        fd_close(fd);
}

static void what_is_no_file_is_no_package(void **state)
{
        int fds[2];

        assert_int_equal(pipe(fds), 0);
        assert_package_refused(fds[0], PACKAGE_NOT_A_PACKAGE, "regular file");
        close(fds[0]);
        close(fds[1]);
}

static void faults_have_their_words(void **state)
{
        for (PackageFault fault = 0; fault < _PACKAGE_FAULT_MAX; fault++)
                assert_non_null(package_fault_to_string(fault));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_package_is_opened_and_extracted),
                cmocka_unit_test(every_flipped_bit_is_noticed),
                cmocka_unit_test(every_length_but_the_right_one_is_refused),
                cmocka_unit_test(members_and_manifest_must_agree),
                cmocka_unit_test(big_members_are_not_held),
                cmocka_unit_test(a_file_changed_after_the_check_is_noticed),
                cmocka_unit_test(what_is_no_file_is_no_package),
                cmocka_unit_test(faults_have_their_words),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
