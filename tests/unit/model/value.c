/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "model/value.h"

#include <arpa/inet.h>
#include <errno.h>

#include "tests/unit/test.h"

static const SchemaWord words[] = {{"One", VERDICT_IGNORED, "why"}, {"two"}, {}};

static void check(SchemaType type, const char *value, Verdict verdict, bool broken,
                  const char *text)
{
        SchemaAttribute row = {"n",       .type = type,   .min = 5,
                               .max = 20, .words = words, .reason = "row"};
        Finding finding;

        value_check(&row, value, &finding);
        if (finding.verdict != verdict || finding.broken != broken || !strstr(finding.reason, text))
                fail_msg("type %d \"%s\": %s%s %s", type, value, verdict_to_string(finding.verdict),
                         finding.broken ? " broken" : "", finding.reason);
}

static void good(SchemaType type, const char *value)
{
        check(type, value, VERDICT_HONOURED, false, "row");
}

static void broken(SchemaType type, const char *value, const char *words_of_reason)
{
        check(type, value, VERDICT_REFUSED, true, words_of_reason);
}

static void refused(SchemaType type, const char *value, const char *words_of_reason)
{
        check(type, value, VERDICT_REFUSED, false, words_of_reason);
}

static void simple_types(void **state)
{
        good(SCHEMA_TEXT, "12345");
        broken(SCHEMA_TEXT, "1234", "empty");
        broken(SCHEMA_TEXT, "123456789012345678901", "at most 20");
        good(SCHEMA_NAME, "Web.Role-1_a");
        refused(SCHEMA_NAME, "a b", "letters");
        refused(SCHEMA_NAME, "../x", "letters");
        broken(SCHEMA_NAME, "", "empty");
        good(SCHEMA_NUMBER, " 5 ");
        good(SCHEMA_NUMBER, "+20");
        broken(SCHEMA_NUMBER, "4", "from 5 to 20");
        broken(SCHEMA_NUMBER, "99999999999999999999999", "from 5 to 20");
        broken(SCHEMA_NUMBER, "5.0", "from 5 to 20");
        broken(SCHEMA_NUMBER, "", "from 5 to 20");
        broken(SCHEMA_NUMBER, "-", "from 5 to 20");
        good(SCHEMA_PORT_OR_STAR, "*");
        good(SCHEMA_PORT_OR_STAR, "65535");
        broken(SCHEMA_PORT_OR_STAR, "0", "port");
        broken(SCHEMA_PORT_OR_STAR, "65536", "port");
        good(SCHEMA_BOOLEAN, "True");
        broken(SCHEMA_BOOLEAN, "maybe", "true or false");
        check(SCHEMA_WORD, "ONE", VERDICT_IGNORED, false, "why");
        good(SCHEMA_WORD, "two");
        broken(SCHEMA_WORD, "three", "one of One, two");
}

static void commands(void **state)
{
        good(SCHEMA_COMMAND, "bin/work --port \"$PORT\"");
        good(SCHEMA_COMMAND, "python3 app.py > log.txt");
        good(SCHEMA_COMMAND, "./cmdline"); /* begins as one of Windows' own */
        good(SCHEMA_COMMAND, "dotnet App.dll");
        refused(SCHEMA_COMMAND, "setup_worker.cmd > log.txt",
                "setup_worker.cmd runs on Windows only");
        refused(SCHEMA_COMMAND, "\"run it.BAT\" x", "run it.BAT runs on Windows only");
        refused(SCHEMA_COMMAND, "bin\\ps.cmd Prep.ps1", "Windows only");
        refused(SCHEMA_COMMAND, "powershell -File x", "Windows command");
        refused(SCHEMA_COMMAND, "bin\\work", "write '/'");
        refused(SCHEMA_COMMAND, "%windir%/x", "write $NAME");
        broken(SCHEMA_COMMAND, "  ", "empty");
}

static void paths(void **state)
{
        static const char *const pairs[][2] = {
                {"..\\..\\Web\\", "../../Web"},
                {"./a//b/./c", "a/b/c"},
                {"a/../b", "b"},
                {"a/..", "."},
                {".", "."},
                {"../a/../../b", "../../b"},
        };
        char *path;

        for (size_t i = 0; i < ARRAY_SIZE(pairs); i++) {
                assert_int_equal(value_path(pairs[i][0], &path), 0);
                assert_string_equal(path, pairs[i][1]);
                free(path);
        }
        assert_int_equal(value_path("/etc", &path), -EINVAL);
        assert_int_equal(value_path("C:\\x", &path), -EINVAL);
        good(SCHEMA_PATH, "..\\Web");
        refused(SCHEMA_PATH, "C:\\inetpub", "relative");
        refused(SCHEMA_PATH, "$(ProjectDir)x", "variable of the build");
        broken(SCHEMA_PATH, "", "bytes");
        good(SCHEMA_DESTINATION, "bin\\tools");
        good(SCHEMA_DESTINATION, "/api");
        broken(SCHEMA_DESTINATION, "a/../../b", "below");
        broken(SCHEMA_DESTINATION, "..", "below");
        broken(SCHEMA_DESTINATION, "a;b", "must not have");
}

static void networks(void **state)
{
        uint32_t address = 0;
        uint8_t prefix = 0;

        assert_int_equal(value_subnet("203.0.113.77/24", &address, &prefix), 0);
        assert_int_equal(address, htonl(0xcb007100));
        assert_int_equal(prefix, 24);
        assert_int_equal(value_subnet("0.0.0.0/0", &address, &prefix), 0);
        assert_int_equal(address, 0);
        assert_int_equal(value_subnet("10.0.0.1", &address, &prefix), 0);
        assert_int_equal(prefix, 32);
        broken(SCHEMA_SUBNET, "10.0.0.0/33", "IPv4 network");
        broken(SCHEMA_SUBNET, "10.0.0/8", "IPv4 network");
        broken(SCHEMA_SUBNET, "", "IPv4 network");
        good(SCHEMA_ADDRESS, "10.0.0.4");
        broken(SCHEMA_ADDRESS, "dns", "IPv4 address");
}

static void other_types(void **state)
{
        good(SCHEMA_URL_PATH, "/health?deep=1");
        broken(SCHEMA_URL_PATH, "/a b", "%20");
        broken(SCHEMA_URL_PATH, "/a\r\nHost: x", "blanks");
        good(SCHEMA_HOST, "www.example.com");
        good(SCHEMA_HOST, "*.example.com");
        broken(SCHEMA_HOST, "a;b", "host name");
        good(SCHEMA_VARIABLE, "PATH_2");
        refused(SCHEMA_VARIABLE, "ProgramFiles(x86)", "rename");
        refused(SCHEMA_VARIABLE, "2x", "rename");
        refused(SCHEMA_VARIABLE, "TROUPE_SOCKET", "platform");
        broken(SCHEMA_VARIABLE, "", "bytes");
        good(SCHEMA_XPATH, "/RoleEnvironment/Deployment/@emulated");
        refused(SCHEMA_XPATH, "//x", "published list");
        good(SCHEMA_THUMBPRINT, "0123456789abcdefABCDEF0123456789abcdef01");
        refused(SCHEMA_THUMBPRINT, "0123", "40");
        good(SCHEMA_VERSION, "*");
        good(SCHEMA_VERSION, "20260101.1");
        check(SCHEMA_VERSION, "WA-GUEST-OS-4.31_201604-01", VERDICT_IGNORED, false, "Windows");
        broken(SCHEMA_VERSION, "a b", "name of a version");
}

static void every_message_fits(void **state)
{
        char value[8300];

        memset(value, 'x', sizeof(value) - 1);
        value[sizeof(value) - 1] = 0;
        for (SchemaType type = SCHEMA_TEXT; type <= SCHEMA_VERSION; type++) {
                SchemaAttribute row = {"n",      .type = type,   .min = 1,
                                       .max = 2, .words = words, .reason = "row"};
                Finding finding;

                value_check(&row, value, &finding);
                assert_true(strlen(finding.reason) < sizeof(finding.reason));
                assert_true(type == SCHEMA_VARIABLE || finding.verdict == VERDICT_REFUSED);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(simple_types), cmocka_unit_test(commands),
                cmocka_unit_test(paths),        cmocka_unit_test(networks),
                cmocka_unit_test(other_types),  cmocka_unit_test(every_message_fits),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
