-- Counts and money per minute and campaign. Windows show running values from their first event on.
CREATE MATERIALIZED TABLE dws_campaign_minute
WITH ('emit' = 'early', 'late-policy' = 'side')
FRESHNESS = INTERVAL '1' SECOND
AS
SELECT window_start, campaign,
       COUNT(*) FILTER (WHERE kind = 'impression' AND NOT failed) AS impressions,
       COUNT(*) FILTER (WHERE kind = 'click') AS clicks,
       COUNT(*) FILTER (WHERE failed) AS errors,
       SUM(revenue) AS revenue
FROM TABLE(TUMBLE(TABLE dwd_events, DESCRIPTOR(ts), INTERVAL '1' MINUTE))
GROUP BY window_start, window_end, campaign;
