"""For ``odoo shell``: make what Odoo would make before each run with HTTP tests."""

env["ir.qweb"]._pregenerate_assets_bundles()
env.cr.commit()
