-- A row that is late when it comes is no first row of its partition: keep-first deduplication by time drops it, as windows do.
-- feature: deduplication,late
CREATE TABLE e (
  id INT, k STRING, g INT, x INT, y BIGINT, d DECIMAL(8, 2), b BOOLEAN, ts TIMESTAMP(3),
  WATERMARK FOR ts AS ts - INTERVAL '0' SECOND
) WITH ('connector' = 'filesystem', 'path' = '${DIR}/e.json', 'format' = 'json');
SELECT id, k, x, ts FROM (
  SELECT *, ROW_NUMBER() OVER (PARTITION BY g ORDER BY ts) AS n FROM e
) WHERE n = 1;
