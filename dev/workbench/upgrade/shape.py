"""What PostgreSQL holds of the module: tables, its own records, people's data."""

from collections.abc import Callable, Mapping

Rows = dict[str, dict]
Query = Callable[..., list[tuple]]

# Tables whose rows are all of the module, and those of core that got columns.
_TABLES = """
    SELECT table_name, array_agg(column_name::text ORDER BY column_name)
      FROM information_schema.columns
     WHERE table_schema = 'public'
       AND (table_name LIKE '%mailgun%' OR column_name LIKE 'mailgun%')
       AND table_name IN (SELECT tablename FROM pg_tables)
  GROUP BY table_name"""

_SCHEMA = {
    "column": """
        SELECT table_name || '.' || column_name,
               concat_ws(' ', data_type, character_maximum_length, numeric_precision,
                         numeric_scale, is_nullable, column_default)
          FROM information_schema.columns WHERE table_schema = 'public'""",
    "constraint": """
        SELECT conrelid::regclass || '.' || conname, pg_get_constraintdef(oid)
          FROM pg_constraint WHERE connamespace = 'public'::regnamespace""",
    "index": """
        SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'""",
}

# Without what differs from one database to the next: who, when, numbers of records.
_RECORDS = r"""
    SELECT regexp_replace((to_jsonb(record) - ARRAY(
               SELECT key FROM jsonb_object_keys(to_jsonb(record)) AS key
                WHERE key ~ '(^id|_id|_ids|_uid|_date|_path)$'
                   OR key IN ('nextcall', 'lastcall', 'arch_prev')))::text,
               '("(model|module)": |"ir\.actions\.\w+,|<button name=\\")\d+',
                          '\1', 'g')
      FROM {} AS record WHERE id = %s"""
_TABLES_OF_ACTIONS = {
    "ir.actions.act_window": "ir_act_window",
    "ir.actions.server": "ir_act_server",
}


def read_rows(query: Query) -> dict[str, Rows]:
    """Return the data in the module's tables and columns, by table and row.

    :param query: takes SQL and values, returns rows
    """
    found = {}
    for table, columns in query(_TABLES):
        is_ours = "mailgun" in table
        names = "*" if is_ours else ", ".join(f'"{name}"' for name in ["id", *columns])
        rows = query(
            f'SELECT to_jsonb(one) FROM (SELECT {names} FROM "{table}") AS one'
        )
        found[table] = {_key(row): row for (row,) in rows}
    # Their bytes are in the file store.
    rows = query(
        """SELECT to_jsonb(file) FROM (
               SELECT id, name, res_model, res_field, res_id, checksum, store_fname
                 FROM ir_attachment WHERE res_model LIKE 'mailgun.%') AS file"""
    )
    found["ir_attachment"] = {_key(row): row for (row,) in rows}
    return found


def _key(row: dict) -> str:
    # A relation between two models has no id.
    return str(row.get("id") or sorted(row.items()))


def losses(
    before: Mapping[str, Rows],
    after: Mapping[str, Rows],
    meant: Mapping[str, str],
) -> str:
    """Say what of the data is gone or another; "" when nothing is.

    :param meant: what the upgrade changes or moves on purpose, ``table`` or
        ``table.column``, each with the reason
    """
    problems = []
    for table, rows in before.items():
        if table in meant:
            continue
        for key, row in rows.items():
            now = after.get(table, {}).get(key)
            if now is None:
                problems.append(f"{table} {key} is gone")
                continue
            problems += [
                f"{table} {key}: {name} was {value!r}, is {now.get(name)!r}"
                for name, value in row.items()
                if f"{table}.{name}" not in meant and now.get(name) != value
            ]
    return "\n".join(problems)


def read_structure(query: Query) -> dict[str, dict[str, str]]:
    """Return what an installation has made, and nobody's data."""
    return {
        "tables, constraints and indexes": {
            f"{kind} {name}": definition
            for kind, sql in _SCHEMA.items()
            for name, definition in query(sql)
        },
        "views, actions, jobs and access rights": _records(query),
    }


def _records(query: Query) -> dict[str, str]:
    """Return the module's own records by external identifier, with what they hold."""
    found = {}
    for name, model, number, noupdate in query(
        """SELECT name, model, res_id, noupdate FROM ir_model_data
            WHERE module = 'mail_mailgun'"""
    ):
        table = _TABLES_OF_ACTIONS.get(model, model.replace(".", "_"))
        rows = query(_RECORDS.format(table), number)
        found[f"{model} {name}"] = f"noupdate={noupdate} {rows}"
    return found


def differences(upgraded: Mapping[str, str], fresh: Mapping[str, str]) -> str:
    """Say where an upgraded database is not as a new one; "" when it is."""
    return "\n".join(
        f"{name}:\n  upgraded {upgraded.get(name)}\n  new      {fresh.get(name)}"
        for name in sorted(upgraded.keys() | fresh.keys())
        if upgraded.get(name) != fresh.get(name)
    )
