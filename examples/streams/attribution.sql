-- Which impressions led to a click within five minutes, and which did not: an interval join. Rows are forgotten when
-- they can find no partner any more, and an impression without a click is told once, when that is sure.

CREATE TABLE impressions (
  request_id STRING, visitor STRING, campaign STRING, shown TIMESTAMP(3),
  WATERMARK FOR shown AS shown - INTERVAL '5' SECOND
) WITH ('connector' = 'filesystem', 'path' = '${DIR}/impressions.json', 'format' = 'json');

CREATE TABLE clicks (
  request_id STRING, visitor STRING, cost DECIMAL(8, 2), clicked TIMESTAMP(3),
  WATERMARK FOR clicked AS clicked - INTERVAL '5' SECOND
) WITH ('connector' = 'filesystem', 'path' = '${DIR}/clicks.json', 'format' = 'json');

SELECT i.request_id, i.campaign, c.cost, c.clicked
FROM impressions AS i
LEFT JOIN clicks AS c
  ON c.request_id = i.request_id
 AND c.clicked BETWEEN i.shown AND i.shown + INTERVAL '5' MINUTE;
