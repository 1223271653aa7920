/* SPDX-License-Identifier: GPL-3.0-or-later */

/* Intents as small JSON files, replaced atomically. */

#include "hostd/intent.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <systemd/sd-json.h>

#include "lib/base/file.h"
#include "lib/base/str.h"

#define INCARNATION_BYTES_MAX 32

int intent_write(const char *path, const Intent *intent)
{
        _cleanup_(sd_json_variant_unrefp) sd_json_variant *json = NULL;
        _cleanup_free_ char *text = NULL;
        char instance[RECORD_KEY_MAX + 1];
        int r;

        instance_id_format(&intent->id, instance);
        r = sd_json_buildo(&json, SD_JSON_BUILD_PAIR_STRING("instance", instance),
                           SD_JSON_BUILD_PAIR_UNSIGNED("incarnation", intent->incarnation),
                           SD_JSON_BUILD_PAIR_STRING("tag", intent->tag));
        for (unsigned i = 0; r >= 0 && i < ACTIONS; i++)
                r = sd_json_variant_set_field_unsigned(&json, instance_action_to_string(i),
                                                       intent->applied[i]);
        if (r < 0)
                return r;
        r = sd_json_variant_format(json, SD_JSON_FORMAT_NEWLINE, &text);
        if (r < 0)
                return r;
        return file_write_atomic(AT_FDCWD, path, text, strlen(text), 0640);
}

static int read_tag(const char *tag, char ret_tag[static VM_TAG_MAX + 1])
{
        uint8_t bytes[VM_TAG_MAX / 2];

        if (!tag || strlen(tag) != VM_TAG_MAX || str_unhex(tag, bytes, sizeof(bytes)) < 0)
                return -EBADMSG;
        memcpy(ret_tag, tag, VM_TAG_MAX + 1);
        return 0;
}

static uint64_t member(sd_json_variant *json, const char *name)
{
        sd_json_variant *value = sd_json_variant_by_key(json, name);

        return value ? sd_json_variant_unsigned(value) : 0;
}

static const char *text_member(sd_json_variant *json, const char *name)
{
        sd_json_variant *value = sd_json_variant_by_key(json, name);

        return value && sd_json_variant_is_string(value) ? sd_json_variant_string(value) : NULL;
}

int intent_read(const char *path, Intent *ret_intent)
{
        _cleanup_(sd_json_variant_unrefp) sd_json_variant *json = NULL;
        _cleanup_free_ char *text = NULL;
        const char *instance;
        Intent intent = {};
        int r;

        r = file_read(AT_FDCWD, path, INTENT_BYTES_MAX, &text, NULL);
        if (r < 0)
                return r;
        r = sd_json_parse(text, 0, &json, NULL, NULL);
        if (r < 0)
                return r == -ENOMEM ? r : -EBADMSG;
        instance = text_member(json, "instance");
        intent.incarnation = member(json, "incarnation");
        if (!instance || instance_id_parse(instance, &intent.id) < 0 || intent.incarnation == 0 ||
            read_tag(text_member(json, "tag"), intent.tag) < 0)
                return -EBADMSG;
        for (unsigned i = 0; i < ACTIONS; i++)
                intent.applied[i] = member(json, instance_action_to_string(i));
        *ret_intent = intent;
        return 0;
}

int intent_remove(const char *path)
{
        return unlink(path) < 0 && errno != ENOENT ? -errno : 0;
}

static char *incarnation_path(const char *dir, const InstanceId *id)
{
        return str_printf("%s/%s.%s.%" PRIu32, dir, id->deployment, id->role, id->number);
}

int incarnation_note(const char *dir, const InstanceId *id, uint64_t incarnation)
{
        _cleanup_free_ char *path = incarnation_path(dir, id);
        char text[INCARNATION_BYTES_MAX];

        if (!path)
                return -ENOMEM;
        snprintf(text, sizeof(text), "%" PRIu64, incarnation);
        return file_write_atomic(AT_FDCWD, path, text, strlen(text), 0640);
}

int incarnation_highest(const char *dir, const InstanceId *id, uint64_t *ret_incarnation)
{
        _cleanup_free_ char *path = incarnation_path(dir, id), *text = NULL;
        int r;

        if (!path)
                return -ENOMEM;
        r = file_read(AT_FDCWD, path, INCARNATION_BYTES_MAX, &text, NULL);
        if (r < 0)
                return r;
        return str_to_u64(text, UINT64_MAX, ret_incarnation) < 0 ? -EBADMSG : 0;
}

void incarnation_forget(const char *dir, const InstanceId *id)
{
        _cleanup_free_ char *path = incarnation_path(dir, id);

        if (path)
                unlink(path);
}
