"""The rules of the API's conventions, each a function over one operation of an OpenAPI document."""
