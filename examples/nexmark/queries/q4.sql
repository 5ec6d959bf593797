-- Average winning bid per category.

SELECT category, AVG(best_price)
FROM (
  SELECT au.id, au.category, MAX(bi.price) AS best_price
  FROM auctions AS au
  JOIN bids AS bi
    ON bi.auction = au.id
   AND bi.`dateTime` BETWEEN au.`dateTime` AND au.expires
  GROUP BY au.id, au.category
) AS winners
GROUP BY category;
