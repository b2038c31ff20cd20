"""Columns of any kind -> numbers, by an encoding that is fitted to the data, written down, and applied to other data.

storage   what a column of Arrow data holds: numbers, text, times, vectors, or nothing that can be used
kind      what a kind of column is; number, category, text, time, vector: a file and a record each
encoding  the columns with their kinds, as recorded in coresets and models
fitting   from the columns of the training data to the encoding
labels    labels of any kind -> the positions of their classes
gather    batches of a table -> one matrix
"""
