-- Visitors who saw two campaigns or more and then clicked, within ten minutes: a pattern over both streams. An
-- impression and a click in the same millisecond are told apart by what they are, not by who came first.

CREATE TABLE impressions (
  request_id STRING, visitor STRING, campaign STRING, shown TIMESTAMP(3),
  WATERMARK FOR shown AS shown - INTERVAL '5' SECOND
) WITH ('connector' = 'filesystem', 'path' = '${DIR}/impressions.json', 'format' = 'json');

CREATE TABLE clicks (
  request_id STRING, visitor STRING, cost DECIMAL(8, 2), clicked TIMESTAMP(3),
  WATERMARK FOR clicked AS clicked - INTERVAL '5' SECOND
) WITH ('connector' = 'filesystem', 'path' = '${DIR}/clicks.json', 'format' = 'json');

CREATE VIEW actions AS
SELECT visitor, 'show' AS what, 0 AS rank_in_time, campaign, shown AS at_time FROM impressions
UNION ALL
SELECT visitor, 'click', 1, CAST(NULL AS STRING), clicked FROM clicks;

SELECT visitor, first_campaign, last_campaign, shows, clicked
FROM actions MATCH_RECOGNIZE (
  PARTITION BY visitor
  ORDER BY at_time, rank_in_time
  MEASURES
    FIRST(s.campaign) AS first_campaign,
    LAST(s.campaign) AS last_campaign,
    COUNT(s.campaign) AS shows,
    c.at_time AS clicked
  ONE ROW PER MATCH
  AFTER MATCH SKIP PAST LAST ROW
  PATTERN (s{2,} c) WITHIN INTERVAL '10' MINUTE
  DEFINE
    s AS s.what = 'show',
    c AS c.what = 'click'
);
