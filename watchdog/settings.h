/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* What the watchdog is told: /etc/troupe/watchdog.conf, a line `name=value` each, over it systemd
 * credentials `troupe.watchdog-NAME`, over these options `--name=value`. All of it has defaults. */

#include "watchdog/inequality.h"

#define SETTINGS_FILE    "/etc/troupe/watchdog.conf"
#define SETTINGS_WHY_MAX 512

#define SETTINGS_DEVICE_NONE "none"
#define SETTINGS_DEVICE_AUTO "auto" /* the first that the kernel has, if it has any */

typedef struct Settings {
        FenceTimes times; /* 0 where a default is to be worked out from the lease */
        char device[128];
        char qemu_user[64];
        char directory[128]; /* where the state is kept, under /run */
        char cgroups[128];
        char proc[128];
        char bus[256]; /* address; "": the system bus */
        bool realtime;
} Settings;

enum {
        SETTINGS_WRONG = 1,
};

/** settings_init() - The defaults */
void settings_init(Settings *settings);

/**
 * settings_set() - Set one
 * @settings: changed
 * @name:     `soft-ms`
 * @value:    text
 * @where:    file or option, for people
 * @ret_why:  written when it is wrong
 *
 * Return: 0; SETTINGS_WRONG.
 */
int settings_set(Settings *settings, const char *name, const char *value, const char *where,
                 char ret_why[static SETTINGS_WHY_MAX]);

/**
 * settings_load() - Read the file, if there is one, and the credentials
 * @settings:    changed
 * @path:        file
 * @credentials: directory, or NULL
 * @ret_why:     written when something is wrong
 *
 * Return: 0; SETTINGS_WRONG; the errno of reading.
 */
int settings_load(Settings *settings, const char *path, const char *credentials,
                  char ret_why[static SETTINGS_WHY_MAX]);
