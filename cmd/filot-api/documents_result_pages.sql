-- Page objects of a job after page $2, at most $3. Columns: number, object.
select number,
	json_build_object('page', number, 'width', width_px, 'height', height_px, 'dpi', dpi, 'rotation', rotation,
	                  'text', text, 'confidence', confidence)::jsonb || layout
from ocr_pages
where job_id = $1::text and number > $2::integer
order by number
limit $3::integer
