-- What the live page shows: all campaigns together, per minute.
CREATE MATERIALIZED TABLE ads_minute
WITH ('emit' = 'early')
FRESHNESS = INTERVAL '1' SECOND
AS
SELECT window_start,
       COUNT(*) FILTER (WHERE kind = 'impression' AND NOT failed) AS impressions,
       COUNT(*) FILTER (WHERE kind = 'click') AS clicks,
       COUNT(*) FILTER (WHERE failed) AS errors,
       SUM(revenue) AS revenue,
       COUNT(DISTINCT campaign) AS campaigns
FROM TABLE(TUMBLE(TABLE dwd_events, DESCRIPTOR(ts), INTERVAL '1' MINUTE))
GROUP BY window_start, window_end;
