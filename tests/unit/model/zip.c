/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "model/zip.h"

#include "tests/unit/model/packed.h"

static void the_checksum_is_zips(void **state)
{
        /* Source: the check value of CRC-32/ISO-HDLC */
        assert_int_equal(zip_crc(0, "123456789", 9), 0xcbf43926);
        assert_int_equal(zip_crc(zip_crc(0, "12345", 5), "6789", 4), 0xcbf43926);
}

static int directory_of(int fd, ZipDirectory *directory, PackageError *error)
{
        off_t size = lseek(fd, 0, SEEK_END);

        *error = (PackageError) {};
        return zip_read_directory(fd, (uint64_t) size, directory, error);
}

static void what_is_written_is_read(void **state)
{
        static const Part parts[] = {{PACKAGE_MANIFEST, "{}", 2}, {"roles/a.erofs", "", 0}};
        ZipDirectory directory;
        PackageError error;
        int fd = parts_write(parts, 2);

        assert_int_equal(directory_of(fd, &directory, &error), 0);
        assert_int_equal(directory.n_members, 2);
        assert_string_equal(directory.members[1].name, "roles/a.erofs");
        assert_int_equal(directory.members[1].offset,
                         ZIP_LOCAL_BYTES + strlen(PACKAGE_MANIFEST) + 2);
        fd_close(fd);
}

static void assert_refused_name(const char *name, PackageFault fault)
{
        const Part parts[] = {{PACKAGE_MANIFEST, "{}", 2}, {name, "x", 1}};
        ZipDirectory directory;
        PackageError error;
        int fd = parts_write(parts, 2);

        if (directory_of(fd, &directory, &error) != PACKAGE_REFUSED || error.fault != fault)
                fail_msg("%s: %s: %s", name, package_fault_to_string(error.fault), error.message);
        fd_close(fd);
}

static void names(void **state)
{
        assert_refused_name("../etc/passwd", PACKAGE_BAD_PATH);
        assert_refused_name("/etc/passwd", PACKAGE_BAD_PATH);
        assert_refused_name("roles/../../x.erofs", PACKAGE_BAD_PATH);
        assert_refused_name("roles\\x.erofs", PACKAGE_BAD_PATH);
        assert_refused_name("c:x", PACKAGE_BAD_PATH);
        assert_refused_name("", PACKAGE_BAD_PATH);
        assert_refused_name("roles/", PACKAGE_NOT_A_FILE);
        assert_refused_name(PACKAGE_MANIFEST, PACKAGE_DUPLICATE);
        assert_refused_name("extra.txt", PACKAGE_UNKNOWN_MEMBER);
        assert_refused_name("roles/a/b.erofs", PACKAGE_UNKNOWN_MEMBER);
        assert_refused_name("roles/.erofs", PACKAGE_UNKNOWN_MEMBER);
}

/* Changes a field of the second entry of the central directory. */
static void assert_refused_field(size_t field, size_t width, uint32_t value, PackageFault fault)
{
        static const Part parts[] = {{PACKAGE_MANIFEST, "{}", 2}, {"roles/a.erofs", "x", 1}};
        uint8_t bytes[4] = {(uint8_t) value, (uint8_t) (value >> 8), (uint8_t) (value >> 16),
                            (uint8_t) (value >> 24)};
        int fd = parts_write(parts, 2);
        off_t entry = lseek(fd, 0, SEEK_END) -
                      (off_t) (ZIP_END_BYTES + ZIP_CENTRAL_BYTES + strlen("roles/a.erofs"));
        ZipDirectory directory;
        PackageError error;

        assert_int_equal(pwrite(fd, bytes, width, entry + (off_t) field), (ssize_t) width);
        if (directory_of(fd, &directory, &error) != PACKAGE_REFUSED || error.fault != fault)
                fail_msg("field %zu: %s: %s", field, package_fault_to_string(error.fault),
                         error.message);
        fd_close(fd);
}

static void fields(void **state)
{
        assert_refused_field(8, 2, 1, PACKAGE_ENCRYPTED);
        assert_refused_field(10, 2, 8, PACKAGE_COMPRESSED);
        assert_refused_field(20, 4, 5, PACKAGE_CORRUPT);
        assert_refused_field(24, 4, UINT32_MAX, PACKAGE_TOO_BIG);
        assert_refused_field(38, 4, (uint32_t) (S_IFLNK | 0777) << 16, PACKAGE_NOT_A_FILE);
        assert_refused_field(42, 4, 0, PACKAGE_CORRUPT);
        assert_refused_field(28, 2, 60000, PACKAGE_CORRUPT);
        assert_refused_field(12, 2, 1, PACKAGE_CORRUPT); /* a time */
}

static void bombs(void **state)
{
        static const Part parts[] = {{PACKAGE_MANIFEST, "{}", 2},
                                     {"roles/a.erofs", "xxxxxxxxxx", 10}};
        int fd = parts_write(parts, 2);
        off_t entry = lseek(fd, 0, SEEK_END) -
                      (off_t) (ZIP_END_BYTES + ZIP_CENTRAL_BYTES + strlen("roles/a.erofs"));
        ZipDirectory directory;
        PackageError error;

        assert_int_equal(pwrite(fd, "\x08", 1, entry + 10), 1);
        assert_int_equal(pwrite(fd, "\x00\x00\x00\x40", 4, entry + 24), 4);
        assert_int_equal(directory_of(fd, &directory, &error), PACKAGE_REFUSED);
        assert_int_equal(error.fault, PACKAGE_BOMB);
        fd_close(fd);
}

static void other_files(void **state)
{
        static const Part parts[] = {{PACKAGE_MANIFEST, "{}", 2}};
        static const char text[] = "#!/bin/sh\necho this is no package at all\n";
        ZipDirectory directory;
        PackageError error;
        int fd = memfd_create("text", MFD_CLOEXEC);

        assert_int_equal(directory_of(fd, &directory, &error), PACKAGE_REFUSED);
        assert_int_equal(error.fault, PACKAGE_NOT_A_PACKAGE);
        assert_int_equal(file_write_all(fd, text, sizeof(text)), 0);
        assert_int_equal(directory_of(fd, &directory, &error), PACKAGE_REFUSED);
        assert_int_equal(error.fault, PACKAGE_NOT_A_PACKAGE);
        fd_close(fd);
        fd = parts_write(parts, 1);
        assert_int_equal(file_write_all(fd, "x", 1), 0);
        assert_int_equal(directory_of(fd, &directory, &error), PACKAGE_REFUSED);
        assert_int_equal(error.fault, PACKAGE_TRUNCATED);
        fd_close(fd);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_checksum_is_zips),
                cmocka_unit_test(what_is_written_is_read),
                cmocka_unit_test(names),
                cmocka_unit_test(fields),
                cmocka_unit_test(bombs),
                cmocka_unit_test(other_files),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
