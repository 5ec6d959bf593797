-- The two campaigns with the most spent on them, kept up to date as clicks come in: a join, a sum, a Top-N.

CREATE TABLE impressions (
  request_id STRING, visitor STRING, campaign STRING, shown TIMESTAMP(3),
  WATERMARK FOR shown AS shown - INTERVAL '5' SECOND
) WITH ('connector' = 'filesystem', 'path' = '${DIR}/impressions.json', 'format' = 'json');

CREATE TABLE clicks (
  request_id STRING, visitor STRING, cost DECIMAL(8, 2), clicked TIMESTAMP(3),
  WATERMARK FOR clicked AS clicked - INTERVAL '5' SECOND
) WITH ('connector' = 'filesystem', 'path' = '${DIR}/clicks.json', 'format' = 'json');

SELECT place, campaign, spent
FROM (
  SELECT campaign, spent, ROW_NUMBER() OVER (ORDER BY spent DESC) AS place
  FROM (
    SELECT i.campaign, SUM(c.cost) AS spent
    FROM clicks AS c
    JOIN impressions AS i ON i.request_id = c.request_id
    GROUP BY i.campaign
  )
)
WHERE place <= 2;
