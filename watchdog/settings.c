/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One table for the file, the credentials and the options. */

#include "watchdog/settings.h"

#include <stdio.h>

#include "lib/base/macros.h"
#include "lib/base/name-value.h"
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
        {"proc", KIND_TEXT, AT(proc)},
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
                .proc = "/proc",
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

/* What is being read, and what is wrong with it. */
typedef struct Reading {
        Settings *settings;
        char *why;
} Reading;

static int apply(void *userdata, const char *where, const char *name, const char *value)
{
        Reading *reading = userdata;

        if (value)
                return settings_set(reading->settings, name, value, where, reading->why);
        snprintf(reading->why, SETTINGS_WHY_MAX, "%.128s: \"%.64s\" is not NAME=VALUE", where,
                 name);
        return SETTINGS_WRONG;
}

int settings_load(Settings *settings, const char *path, const char *credentials,
                  char ret_why[static SETTINGS_WHY_MAX])
{
        const char *names[ARRAY_SIZE(table) + 1] = {};

        for (size_t i = 0; i < ARRAY_SIZE(table); i++)
                names[i] = table[i].name;
        return name_value_load(&(NameValueSource) {
                .path = path,
                .credentials = credentials,
                .prefix = CREDENTIAL_START,
                .names = names,
                .bytes_max = FILE_BYTES_MAX,
                .set = apply,
                .userdata = &(Reading) {settings, ret_why},
        });
}
