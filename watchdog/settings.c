/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One table for the file, the credentials and the options. */

#include "watchdog/settings.h"

#include <fcntl.h>
#include <stdio.h>

#include "lib/base/file.h"
#include "lib/base/macros.h"
#include "lib/base/str.h"

#define FILE_BYTES_MAX   (16 * KIB)
#define TIME_MS_MAX      (3600 * UINT64_C(1000))
#define CREDENTIAL_START "troupe.watchdog-"

typedef enum Kind {
        KIND_MS,
        KIND_S,
        KIND_TEXT,
        KIND_BOOL,
} Kind;

typedef struct Setting {
        const char *name;
        Kind kind;
        size_t offset, size; /* in Settings */
} Setting;

#define AT(member) offsetof(Settings, member), sizeof(((Settings *) NULL)->member)

static const Setting table[] = {
        {"lease-ms", KIND_MS, AT(times.lease_ns)},
        {"delay-ms", KIND_MS, AT(times.delay_ns)},
        {"soft-ms", KIND_MS, AT(times.soft_ns)},
        {"kill-ms", KIND_MS, AT(times.kill_ns)},
        {"hard-ms", KIND_MS, AT(times.hard_ns)},
        {"ask-ms", KIND_MS, AT(times.ask_ns)},
        {"device-timeout-s", KIND_S, AT(times.device_ns)},
        {"autonomous", KIND_BOOL, AT(times.autonomous)},
        {"device", KIND_TEXT, AT(device)},
        {"realtime", KIND_BOOL, AT(realtime)},
        {"qemu-user", KIND_TEXT, AT(qemu_user)},
        {"directory", KIND_TEXT, AT(directory)},
        {"cgroups", KIND_TEXT, AT(cgroups)},
        {"bus", KIND_TEXT, AT(bus)},
};

void settings_init(Settings *settings)
{
        *settings = (Settings) {
                .times = {.lease_ns = 10 * NSEC_PER_SEC, .delay_ns = 2 * NSEC_PER_SEC},
                .device = SETTINGS_DEVICE_AUTO,
                .qemu_user = "libvirt-qemu",
                .directory = "/run/troupe-watchdog",
                .cgroups = "/sys/fs/cgroup",
                .realtime = true,
        };
}

static int set_time(void *target, const char *value, uint64_t unit_ns)
{
        uint64_t count;
        int r = str_to_u64(value, TIME_MS_MAX * NSEC_PER_MSEC / unit_ns, &count);

        if (r == 0)
                *(uint64_t *) target = count * unit_ns;
        return r;
}

static int set(Settings *settings, const Setting *setting, const char *value)
{
        void *target = (char *) settings + setting->offset;

        switch (setting->kind) {
        case KIND_MS:
                return set_time(target, value, NSEC_PER_MSEC);
        case KIND_S:
                return set_time(target, value, NSEC_PER_SEC);
        case KIND_BOOL:
                return str_to_bool(value, target);
        case KIND_TEXT:
                if (value[0] == '\0' || strlen(value) >= setting->size)
                        return -EINVAL;
                memcpy(target, value, strlen(value) + 1);
                return 0;
        }
        return -EINVAL;
}

int settings_set(Settings *settings, const char *name, const char *value, const char *where,
                 char ret_why[static SETTINGS_WHY_MAX])
{
        for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
                if (!str_equal(table[i].name, name))
                        continue;
                if (set(settings, &table[i], value) == 0)
                        return 0;
                snprintf(ret_why, SETTINGS_WHY_MAX, "%.128s: %s: \"%.64s\" is not a value for it",
                         where, name, value);
                return SETTINGS_WRONG;
        }
        snprintf(ret_why, SETTINGS_WHY_MAX, "%.128s: %.64s: there is no such setting", where, name);
        return SETTINGS_WRONG;
}

static char *trim(char *text)
{
        char *end;

        text += strspn(text, " \t\r\n");
        end = text + strlen(text);
        while (end > text && strchr(" \t\r\n", end[-1]))
                end--;
        *end = '\0';
        return text;
}

static int set_line(Settings *settings, char *line, const char *path, char *ret_why)
{
        char *equals = strchr(line, '=');

        if (!equals) {
                snprintf(ret_why, SETTINGS_WHY_MAX, "%.128s: \"%.64s\" is not NAME=VALUE", path,
                         line);
                return SETTINGS_WRONG;
        }
        *equals = '\0';
        return settings_set(settings, trim(line), trim(equals + 1), path, ret_why);
}

static int load_file(Settings *settings, const char *path, char *ret_why)
{
        _cleanup_free_ char *text = NULL;
        char *save = NULL;
        int r;

        r = file_read(AT_FDCWD, path, FILE_BYTES_MAX, &text, NULL);
        if (r < 0)
                return r == -ENOENT ? 0 : r;
        for (char *line = strtok_r(text, "\n", &save); line && r == 0;
             line = strtok_r(NULL, "\n", &save)) {
                line = trim(line);
                if (line[0] && line[0] != '#')
                        r = set_line(settings, line, path, ret_why);
        }
        return r;
}

static int load_credentials(Settings *settings, const char *directory, char *ret_why)
{
        for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
                _cleanup_free_ char *path = NULL, *text = NULL;
                int r;

                path = str_printf("%s/" CREDENTIAL_START "%s", directory, table[i].name);
                if (!path)
                        return -ENOMEM;
                r = file_read(AT_FDCWD, path, FILE_BYTES_MAX, &text, NULL);
                if (r == -ENOENT)
                        continue;
                if (r == 0)
                        r = settings_set(settings, table[i].name, trim(text), path, ret_why);
                if (r != 0)
                        return r;
        }
        return 0;
}

int settings_load(Settings *settings, const char *path, const char *credentials,
                  char ret_why[static SETTINGS_WHY_MAX])
{
        int r = load_file(settings, path, ret_why);

        return r == 0 && credentials ? load_credentials(settings, credentials, ret_why) : r;
}
