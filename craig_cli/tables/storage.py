"""What a column of Arrow data holds, whatever its writer called it."""

from __future__ import annotations

import pyarrow as pa

NUMBER, TEXT, TIME, VECTOR, NOTHING, OTHER = "number", "text", "time", "vector", "nothing", "other"
PLAIN = (NUMBER, VECTOR)  # go into the matrix as they are


def _first(*checks: str):
    there = [getattr(pa.types, name, None) for name in checks]  # some are not in older versions
    return lambda kind: any(check is not None and check(kind) for check in there)


is_number = _first("is_integer", "is_floating", "is_boolean", "is_decimal")
is_text = _first("is_string", "is_large_string", "is_string_view")
is_time = _first("is_date", "is_timestamp", "is_time", "is_duration")
is_list = _first("is_list", "is_large_list", "is_fixed_size_list", "is_list_view", "is_large_list_view")
_is_text_view, _is_binary_view = _first("is_string_view"), _first("is_binary_view")
is_run_end_encoded = _first("is_run_end_encoded")


def is_dictionary(kind: pa.DataType) -> bool:
    """Whether a column of this type is a category to its writer."""
    return is_dictionary(kind.storage_type) if isinstance(kind, pa.BaseExtensionType) else pa.types.is_dictionary(kind)


def content_of(kind: pa.DataType) -> str:
    """One of NUMBER, TEXT, TIME, VECTOR (a list of numbers), NOTHING (nulls alone) and OTHER."""
    if isinstance(kind, pa.BaseExtensionType):
        return content_of(kind.storage_type)
    if is_run_end_encoded(kind):
        return content_of(kind.value_type)
    if pa.types.is_dictionary(kind):
        content = content_of(kind.value_type)
        return TEXT if content in (TEXT, NUMBER) else content
    if pa.types.is_null(kind):
        return NOTHING
    for name, check in ((NUMBER, is_number), (TEXT, is_text), (TIME, is_time)):
        if check(kind):
            return name
    return VECTOR if is_list(kind) and is_number(kind.value_type) else OTHER


def unwrapped(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """``column`` without extension types, runs and views; dictionaries of times and vectors as those."""
    kind = column.type
    if isinstance(kind, pa.BaseExtensionType):
        return unwrapped(pa.chunked_array([chunk.storage for chunk in column.chunks], kind.storage_type))
    if is_run_end_encoded(kind):
        import pyarrow.compute as pc  # takes as long as to read a small file

        return unwrapped(pa.chunked_array([pc.run_end_decode(chunk) for chunk in column.chunks], kind.value_type))
    if pa.types.is_dictionary(kind) and content_of(kind) != TEXT:
        return unwrapped(column.cast(kind.value_type))
    return column


def as_text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Text or a number of any type as dictionary<int32, string>, which holds each value of a chunk once."""
    column = unwrapped(column)
    target = pa.dictionary(pa.int32(), pa.string())
    if pa.types.is_dictionary(column.type):
        few = [  # of a piece of a column, whose dictionary is that of all of it
            chunk.dictionary_decode().dictionary_encode() if len(chunk.dictionary) > len(chunk) else chunk
            for chunk in column.chunks
        ]
        chunks = [
            pa.DictionaryArray.from_arrays(chunk.indices.cast(pa.int32()), chunk.dictionary.cast(pa.string()))
            for chunk in few
        ]
        return pa.chunked_array(chunks, target)
    return _cast(column, pa.string()).dictionary_encode()


def _cast(column: pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray:
    """``column`` as this ``kind``; of views, which not every pyarrow can cast, value by value."""
    try:
        return column.cast(kind)
    except pa.ArrowNotImplementedError:
        return pa.chunked_array([pa.array(chunk.to_pylist(), kind) for chunk in column.chunks], kind)


def without_views(table: pa.Table) -> pa.Table:
    """Views of text and bytes, which polars writes and of which pyarrow cannot take rows, as text and bytes."""
    kinds = [_without_views(field.type) for field in table.schema]
    for number, (field, kind) in enumerate(zip(table.schema, kinds)):
        if kind != field.type:
            table = table.set_column(number, field.with_type(kind), _cast(table.column(number), kind))
    return table


def _without_views(kind: pa.DataType) -> pa.DataType:
    if _is_text_view(kind):
        return pa.string()
    if _is_binary_view(kind):
        return pa.binary()
    if pa.types.is_struct(kind):
        return pa.struct([field.with_type(_without_views(field.type)) for field in kind])
    for check, make in ((pa.types.is_list, pa.list_), (pa.types.is_large_list, pa.large_list)):
        if check(kind):
            return make(kind.value_field.with_type(_without_views(kind.value_type)))
    return kind


def flat_fields(schema: pa.Schema) -> list[tuple[str, str, pa.DataType]]:
    """(name, name of the column it is in, type) of all columns, a struct replaced by its fields as ``struct.field``."""

    def fields(name: str, top: str, kind: pa.DataType):
        if not pa.types.is_struct(kind):
            return [(name, top, kind)]
        return [each for field in kind for each in fields(f"{name}.{field.name}", top, field.type)]

    return [each for field in schema for each in fields(field.name, field.name, field.type)]


def flattened(table: pa.Table) -> pa.Table:
    """The table with a column for each of ``flat_fields``; where a struct is null, so are its fields."""
    while any(pa.types.is_struct(field.type) for field in table.schema):
        table = table.flatten()
    return table
