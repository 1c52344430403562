from odoo import http


class Floor(http.Controller):
    @http.route(
        "/bench/floor",
        type="http",
        auth="public",
        methods=["POST"],
        csrf=False,
        save_session=False,
        readonly=False,
    )
    def floor(self):
        """Answer, and nothing else."""
        return ""
