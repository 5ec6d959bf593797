-- Impressions and clicks per day of the Open Bandit data (ZOZO, campaign "men").
--   tidemark exec -f examples/openbandit/daily.sql --var DIR=path/to/obd_zozo/bts --format csv
CREATE TABLE impressions (
  `timestamp` STRING COMMENT 'like 2019-11-24 00:01:03.979311+00:00',
  `position`  INT,
  click       INT,
  shown       AS CAST(SUBSTRING(`timestamp`, 1, 23) AS TIMESTAMP(3)),
  WATERMARK FOR shown AS shown
) WITH (
  'connector' = 'filesystem',
  'path' = '${DIR}/men.csv.gz',
  'format' = 'csv',
  'csv.header' = 'true'
);

SELECT DATE_FORMAT(window_start, 'yyyy-MM-dd') AS `day`, COUNT(*) AS impressions, SUM(click) AS clicks
FROM TABLE(TUMBLE(TABLE impressions, DESCRIPTOR(shown), INTERVAL '1' DAY))
GROUP BY window_start, window_end;
