/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* Which fields a record's JSON has; docs/state.md is the same as prose. */

#include "lib/api/fields-json.h"

/* The struct of each type is a member of Record's union, so its offset is the same for all. */
#define RECORD_BODY_OFFSET offsetof(Record, cluster)

/** record_fields() - The fields of a type's struct, which is at RECORD_BODY_OFFSET; static */
const Field *record_fields(RecordType type);
