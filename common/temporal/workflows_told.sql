-- Temporal has taken something. $1 workflow, $2 start|read|decided, $3 run id (start), $4 the state that was told (decided),
-- $5 whether nothing more will come.
update temporal_workflows
set started_at = case when $2::text = 'start' then coalesce(started_at, now()) else started_at end,
    run_id = coalesce(nullif($3::text, ''), run_id),
    read_signalled_at = case when $2::text = 'read' then coalesce(read_signalled_at, now()) else read_signalled_at end,
    decided_signalled_at = case when $2::text = 'decided' then now() else decided_signalled_at end,
    signalled_state = case when $2::text = 'decided' then $4::text else signalled_state end,
    closed_at = case when $5::boolean then now() end,
    closed_because = case when $5::boolean then 'decided' end,
    attempts = 0, last_error = null
where verification_id = $1::text and closed_at is null
