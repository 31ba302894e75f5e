"""Records: what is kept as evidence, where it stands, who may read it, and the one door to its content.

Import the module of the noun you need: ``records.record``, ``records.placement``, ``records.case_file``,
``records.access``, ``records.content`` (the door), ``records.file_plan``.
"""
