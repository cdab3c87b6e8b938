# A run of rows that cause audit records, where auditing is on.
collect audit.ndjson --select 'nft.* bpf.prog.*'
