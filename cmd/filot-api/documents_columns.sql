	json_build_object(
		'id', d.id,
		'name', d.name,
		'media_type', d.media_type,
		'size_bytes', d.size_bytes,
		'sha256', d.sha256,
		'status', case when d.stored_at is null then 'uploading' else coalesce(j.state, 'stored') end,
		'pages', j.page_count,
		'job', case when j.id is not null then json_build_object(
			'id', j.id,
			'attempt', j.attempt,
			'lang', j.lang,
			'priority', j.priority,
			'enqueued_at', to_char(j.enqueued_at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
			'started_at', to_char(j.started_at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
			'finished_at', to_char(j.finished_at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
			'error', case when j.error_code is not null then
				json_build_object('code', j.error_code, 'message', j.error_message) end) end,
		'created_at', to_char(d.created_at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'))
