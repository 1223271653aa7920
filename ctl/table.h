/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* Aligned tables in the manner of networkctl: headings, rows, colours on a terminal only. */

#include <stdbool.h>
#include <stdio.h>

#include "lib/base/macros.h"

#define TABLE_COLUMNS_MAX 16

typedef enum TableColour {
        TABLE_PLAIN,
        TABLE_GREEN,
        TABLE_YELLOW,
        TABLE_RED,
        TABLE_GREY,
} TableColour;

typedef struct TableCell {
        char *text;
        TableColour colour;
} TableCell;

/* Begins as {.n_columns = ..., .headings = ...}. */
typedef struct Table {
        size_t n_columns; /* at most TABLE_COLUMNS_MAX */
        const char *const *headings;
        uint32_t right; /* bit N: column N holds numbers, at the right edge */
        TableCell *cells;
        size_t n_cells;
        bool failed; /* memory was short */
} Table;

/** table_deinit() - Free the cells */
void table_deinit(Table *table);

/**
 * table_add() - Add the next cell, row by row
 * @table:  table; marked failed when memory is short
 * @text:   copied; control characters are shown as '?'; NULL or "" is shown as `-`
 * @colour: shown on a terminal
 */
void table_add(Table *table, const char *text, TableColour colour);

/** table_addf() - Add the next cell, formatted, without a colour */
void table_addf(Table *table, const char *format, ...) _printf_(2, 3);

/**
 * table_print() - Print it
 * @table:  full rows only
 * @file:   where to
 * @legend: headings too
 * @colour: with colours
 *
 * Return: 0; -ENOMEM when a cell could not be added.
 */
int table_print(const Table *table, FILE *file, bool legend, bool colour);

/** table_colour_begin() - Escape sequence that begins a colour; "" for TABLE_PLAIN */
const char *table_colour_begin(TableColour colour);

/** table_colour_end() - Escape sequence that ends any colour */
const char *table_colour_end(void);
