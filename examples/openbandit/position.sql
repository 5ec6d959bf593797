-- Impressions and clicks by position on the page (1 left, 2 middle, 3 right).
--   tidemark exec -f examples/openbandit/position.sql --var DIR=path/to/obd_zozo/bts --mode batch --format csv
CREATE TABLE impressions (
  `position` INT,
  click      INT
) WITH (
  'connector' = 'filesystem',
  'path' = '${DIR}/men.csv.gz',
  'format' = 'csv',
  'csv.header' = 'true'
);

SELECT `position`, COUNT(*) AS impressions, SUM(click) AS clicks
FROM impressions
GROUP BY `position`;
