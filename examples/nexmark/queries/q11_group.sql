-- Q11 as a group window, the published form, streaming and batch mode.

SELECT
  bidder,
  COUNT(*),
  SESSION_START(`dateTime`, INTERVAL '10' SECOND),
  SESSION_END(`dateTime`, INTERVAL '10' SECOND)
FROM bids
GROUP BY bidder, SESSION(`dateTime`, INTERVAL '10' SECOND);
