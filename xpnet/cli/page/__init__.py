"""The page of `xpnet report`: HTML and pictures, without anything from elsewhere."""
