-- The ten highest bids of every auction, with their place.

SELECT auction, bidder, price, channel, url, `dateTime`, extra, place
FROM (
  SELECT
    auction, bidder, price, channel, url, `dateTime`, extra,
    ROW_NUMBER() OVER (PARTITION BY auction ORDER BY price DESC) AS place
  FROM bids
)
WHERE place <= 10;
